"""Attributes of OTLP messages as plain values. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from tidegate.foreign.otel import resources
from tidegate_gateway.errors import RefusedError
from tidegate_gateway.otlp.limits import MAX_VALUES
from tidegate_schemas.reasons import Reason

MAX_DEPTH = 8
MAX_ATTRIBUTES = 1_024
_SCALARS = frozenset({"string_value", "bool_value", "int_value", "double_value"})


class Values:
    """Reads the attributes of one request; how many values it may hold is bounded."""

    def __init__(self, left: int = MAX_VALUES) -> None:
        self._left = left

    def named(self, pairs: Sequence[KeyValue]) -> dict[str, Any]:
        """Attributes by name. Raises RefusedError (oversize)."""
        if len(pairs) > MAX_ATTRIBUTES:
            raise RefusedError(Reason.OVERSIZE, "attributes", f"are more than {MAX_ATTRIBUTES}")
        named: dict[str, Any] = {}
        for pair in pairs:
            value = pair.value
            words = value.string_value  # most are texts, and to ask for the kind costs as much as the text
            if words:
                named[pair.key] = words
                continue
            kind = value.WhichOneof("value")
            named[pair.key] = getattr(value, kind) if kind in _SCALARS else self.plain(value)
        self._take(len(named))
        return named

    def plain(self, value: AnyValue, depth: int = 0) -> Any:
        """A value as JSON has it; what is nested too deep becomes null. Raises RefusedError (oversize)."""
        self._take(1)
        kind = value.WhichOneof("value")
        if kind is None or depth > MAX_DEPTH:
            return None
        if kind == "array_value":
            return [self.plain(item, depth + 1) for item in value.array_value.values]
        if kind == "kvlist_value":
            return {pair.key: self.plain(pair.value, depth + 1) for pair in value.kvlist_value.values}
        if kind == "bytes_value":
            return value.bytes_value.hex()
        return getattr(value, kind)

    def _take(self, number: int) -> None:
        self._left -= number
        if self._left < 0:
            raise RefusedError(Reason.OVERSIZE, "attributes", "are too many in one request; send smaller batches")


@dataclass(frozen=True)
class Origin:
    """Which service emitted something."""

    platform: str
    """Language of its OpenTelemetry SDK."""
    identity: tuple[str, ...]
    """All its attributes, sorted."""
    fields: Mapping[str, str]
    """As envelope fields."""
    tells_exceptions: bool
    """Whether exceptions on its spans are errors."""

    @classmethod
    def of(cls, resource: Resource, values: Values) -> Origin:
        """From a resource's attributes. Raises RefusedError (oversize)."""
        named = values.named(resource.attributes)
        identity = tuple(f"{name}={named[name]}" for name in sorted(named))
        return cls(
            resources.platform(named), identity, resources.service_fields(named), resources.tells_exceptions(named)
        )
