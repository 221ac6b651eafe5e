"""OTLP's JSON as messages, item by item, so that a large request can be read in slices. Ids are hexadecimal there."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message

from tidegate_gateway.errors import RefusedError
from tidegate_gateway.turns import Slices
from tidegate_schemas.reasons import Reason

_IDS = frozenset({"traceId", "spanId", "parentSpanId"})
#: As deep as protobuf itself goes; a level of it is up to two of JSON.
MAX_DEPTH = 100
MAX_JSON_DEPTH = 2 * MAX_DEPTH
MAX_JSON_VALUES = 300_000
"""Values of a request in JSON, all of them: to take one in takes some six microseconds."""

Path = Sequence[Mapping[str, str]]
"""Members that hold what is read apart, and the messages' names of them, a level at a time; the last ones are items."""


def fill(message: Message, content: Mapping[str, Any], path: Path) -> Slices[None]:
    """Read a request into an empty message. Raises RefusedError, and what protobuf's parser does."""
    yield from _fill(message, content, path, JsonIds())


def _fill(message: Message, content: Any, path: Path, ids: JsonIds) -> Slices[None]:
    if not isinstance(content, dict):
        raise ParseError("must be an object")
    apart = path[0] if path else {}
    own = {name: value for name, value in content.items() if name not in apart or value is None}
    ids.put_in(own)
    ParseDict(own, message, ignore_unknown_fields=True, max_recursion_depth=MAX_DEPTH - 2 * len(path))
    yield
    for name, field in apart.items():
        value = content.get(name)
        if isinstance(value, dict):  # a metric's kind
            child = getattr(message, field)
            child.SetInParent()
            yield from _fill(child, value, path[1:], ids)
        elif isinstance(value, list):
            children = getattr(message, field)
            for each in value:
                yield from _fill(children.add(), each, path[1:], ids)
        elif value is not None:
            raise ParseError("must be an object or an array")


class JsonIds:
    """Writes the ids of a JSON request in base64, as protobuf's own mapping wants them; counts its values."""

    def __init__(self, left: int = MAX_JSON_VALUES) -> None:
        self._left = left

    def put_in(self, value: Any, depth: int = 0) -> None:
        """Change ids in place, at any depth. Raises RefusedError (malformed_envelope, invalid_field, oversize)."""
        if depth > MAX_JSON_DEPTH:
            raise RefusedError(Reason.MALFORMED_ENVELOPE, "body", "is nested too deep")
        members: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, dict) else enumerate(value)
        self._left -= max(1, len(value))
        if self._left < 0:
            raise RefusedError(
                Reason.OVERSIZE, "body", f"holds more than {MAX_JSON_VALUES} values; send smaller batches"
            )
        for key, item in members:
            if isinstance(item, (dict, list)):
                self.put_in(item, depth + 1)
            elif key in _IDS and isinstance(item, str):
                value[key] = _base64(key, item)


def _base64(name: str, hexadecimal: str) -> str:
    try:
        return base64.b64encode(bytes.fromhex(hexadecimal)).decode()
    except ValueError:
        raise RefusedError(Reason.INVALID_FIELD, name, "must be hexadecimal") from None
