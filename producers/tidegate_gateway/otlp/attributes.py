"""Attributes of OTLP messages as plain values. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from tidegate_gateway.values import text

MAX_DEPTH = 8


def plain(value: AnyValue, depth: int = 0) -> Any:
    """A value as JSON has it; what is nested too deep becomes null."""
    kind = value.WhichOneof("value")
    if kind is None or depth > MAX_DEPTH:
        return None
    if kind == "array_value":
        return [plain(item, depth + 1) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {pair.key: plain(pair.value, depth + 1) for pair in value.kvlist_value.values}
    if kind == "bytes_value":
        return value.bytes_value.hex()
    return getattr(value, kind)


def attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    """Attributes by name."""
    return {pair.key: plain(pair.value) for pair in pairs}


@dataclass(frozen=True)
class Origin:
    """Which service emitted something."""

    service: str
    release: str
    environment: str
    identity: tuple[str, ...]
    """All its attributes, sorted."""

    @classmethod
    def of(cls, resource: Resource) -> Origin:
        """From a resource's attributes."""
        named = attributes(resource.attributes)
        identity = tuple(f"{name}={named[name]}" for name in sorted(named))
        return cls(
            text(named, "service.name"),
            text(named, "service.version"),
            text(named, "deployment.environment.name", "deployment.environment"),
            identity,
        )

    @property
    def fields(self) -> Mapping[str, str]:
        """As envelope fields."""
        return {"service": self.service, "release": self.release, "environment": self.environment}
