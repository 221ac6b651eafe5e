"""The row path's quick writer of Avro binary, for the closed set of types that the contract uses.

It takes values of exactly the expected Python types, some three times as fast as fastavro: constants and defaults are
bytes already, and texts that recur are encoded once. Whatever else comes it refuses, and fastavro has the last word.
"""

import struct
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from tidegate_schemas.errors import SchemaError
from tidegate_schemas.subjects import REQUIRED, Schema

__all__ = ["RecordWriter"]

_Writer = Callable[[Any], bytes]
_DOUBLE = struct.Struct("<d")
_FLOAT = struct.Struct("<f")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONG_MIN, _LONG_MAX = -(2**63), 2**63 - 1
_INT_MIN, _INT_MAX = -(2**31), 2**31 - 1
_MAX_SHAPES = 256
"""Different sets of fields that are remembered; a sender has a handful."""
_MAX_TEXTS = 512
_MAX_TEXT_CHARACTERS = 128
_RECURRING = frozenset(
    [
        "producer_id",
        "project",
        "environment",
        "release",
        "service",
        "name",
        "consent",
        "type",
        "level",
        "platform",
        "route",
        "method",
        "operation",
        "status",
        "statement",
        "db_system",
        "instrument",
        "temporality",
        "unit",
    ]
)
"""Fields with few different values: their bytes are kept, up to a bound."""


def _varint(value: int) -> bytes:
    return _unsigned((value << 1) ^ (value >> 63))


def _unsigned(raw: int) -> bytes:
    encoded = bytearray()
    while raw >= 0x80:
        encoded.append(raw & 0x7F | 0x80)
        raw >>= 7
    encoded.append(raw)
    return bytes(encoded)


_SMALL = [_varint(value) for value in range(2048)]


class _Plan(NamedTuple):
    """How records with one set of fields are written: parts that are bytes already, and what goes where between them.

    The commonest types are apart, so that a field of theirs costs no call.
    """

    parts: list[bytes]
    texts: list[tuple[int, str]]
    texts_or_null: list[tuple[int, str]]
    recurring: list[tuple[int, str, dict[str, bytes]]]
    others: list[tuple[int, str, _Writer]]


class RecordWriter:
    """Writes bodies of one schema; fields that a record lacks are as in `fixed`, else their default. Thread-safe."""

    def __init__(self, schema: Schema, fixed: Mapping[str, Any] | None = None) -> None:
        known = fixed or {}
        self._fields = [
            (item.name, item.type, _writer(item.type), known.get(item.name, item.default)) for item in schema.fields
        ]
        self._texts: dict[str, dict[str, bytes]] = {name: {} for name, _, _, _ in self._fields if name in _RECURRING}
        self._shapes: dict[tuple[str, ...], _Plan] = {}

    def write(self, header: bytes, record: Mapping[str, Any]) -> bytes | None:
        """Header and body; None for a record that only the reference can judge."""
        shape = tuple(record)
        plan = self._shapes.get(shape) or self._plan(shape)
        if plan is None:
            return None
        parts = plan.parts.copy()
        parts[0] = header + parts[0]
        small, encode = _SMALL, str.encode
        try:
            for place, name in plan.texts:
                data = encode(record[name])
                size = len(data)
                parts[place] = (small[size] if size < 2048 else _varint(size)) + data
            for place, name in plan.texts_or_null:
                value = record[name]
                if value is None:
                    parts[place] = b"\x00"
                else:
                    data = encode(value)
                    size = len(data)
                    parts[place] = b"\x02" + (small[size] if size < 2048 else _varint(size)) + data
            for place, name, known in plan.recurring:
                value = record[name]
                parts[place] = known.get(value) or _learned(known, value)
            for place, name, writer in plan.others:
                parts[place] = writer(record[name])
        except (ValueError, TypeError, AttributeError, OverflowError, struct.error):
            return None
        return b"".join(parts)

    def _plan(self, shape: tuple[str, ...]) -> _Plan | None:
        """None where a field is missing or unknown."""
        given, plan = set(shape), _Plan([b""], [], [], [], [])
        if not given.issubset(name for name, _, _, _ in self._fields):
            return None
        for name, avro_type, writer, default in self._fields:
            place = len(plan.parts)
            if name not in given:
                if default is REQUIRED:
                    return None
                plan.parts[-1] += writer(default)
                continue
            if avro_type == "string" and name in _RECURRING:
                plan.recurring.append((place, name, self._texts[name]))
            elif avro_type == "string":
                plan.texts.append((place, name))
            elif avro_type == ["null", "string"]:
                plan.texts_or_null.append((place, name))
            else:
                plan.others.append((place, name, writer))
            plan.parts.extend([b"", b""])
        if len(self._shapes) < _MAX_SHAPES:
            self._shapes[shape] = plan
        return plan


def _long(value: Any) -> bytes:
    if type(value) is not int or not _LONG_MIN <= value <= _LONG_MAX:
        raise TypeError
    return _SMALL[value] if 0 <= value < 2048 else _varint(value)


def _int(value: Any) -> bytes:
    if type(value) is not int or not _INT_MIN <= value <= _INT_MAX:
        raise TypeError
    return _long(value)


def _boolean(value: Any) -> bytes:
    if value is True:
        return b"\x01"
    if value is False:
        return b"\x00"
    raise TypeError


def _double(value: Any) -> bytes:
    if type(value) is not float and type(value) is not int:
        raise TypeError
    return _DOUBLE.pack(value)


def _float(value: Any) -> bytes:
    if type(value) is not float and type(value) is not int:
        raise TypeError
    return _FLOAT.pack(value)


def _string(value: Any) -> bytes:
    data = str.encode(value)
    size = len(data)
    return (_SMALL[size] if size < 2048 else _varint(size)) + data


def _bytes(value: Any) -> bytes:
    if type(value) is not bytes:
        raise TypeError
    return _long(len(value)) + value


def _learned(known: dict[str, bytes], value: Any) -> bytes:
    """A text's bytes, kept for the next time if they are few."""
    found = _string(value)
    if len(known) < _MAX_TEXTS and len(found) < _MAX_TEXT_CHARACTERS:
        known[value] = found
    return found


def _timestamp() -> _Writer:
    last: tuple[Any, bytes] = (object(), b"")
    high: tuple[int, bytes] = (0, b"\x00")

    def write(value: Any) -> bytes:
        nonlocal last, high
        moment, data = last
        if moment is value:  # when it happened and when it was taken are mostly one and the same
            return data
        micros = value
        if type(value) is datetime:
            span = value - _EPOCH
            micros = (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds
        if type(micros) is not int or not 1 << 28 < micros <= _LONG_MAX:
            data = _long(micros)
        else:  # moments that are close differ in their lowest 28 bits only
            raw = micros << 1
            upper, known = high
            if raw >> 28 != upper:
                upper = raw >> 28
                known = _unsigned(upper)
                high = upper, known
            low = raw & 0x7F | (raw & 0x3F80) << 1 | (raw & 0x1FC000) << 2 | (raw & 0xFE00000) << 3 | 0x80808080
            data = low.to_bytes(4, "little") + known
        last = value, data
        return data

    return write


def _nullable(writer: _Writer) -> _Writer:
    def write(value: Any) -> bytes:
        return b"\x00" if value is None else b"\x02" + writer(value)

    return write


def _array(item: _Writer) -> _Writer:
    def write(value: Any) -> bytes:
        if type(value) is not list:
            raise TypeError
        return b"".join([_long(len(value)), *map(item, value), b"\x00"]) if value else b"\x00"

    return write


_PRIMITIVES: dict[str, _Writer] = {
    "string": _string,
    "bytes": _bytes,
    "long": _long,
    "int": _int,
    "double": _double,
    "float": _float,
    "boolean": _boolean,
}


def _writer(avro_type: Any) -> _Writer:
    match avro_type:
        case str() if avro_type in _PRIMITIVES:
            return _PRIMITIVES[avro_type]
        case ["null", value]:
            return _nullable(_writer(value))
        case {"type": "array", "items": items}:
            return _array(_writer(items))
        case {"type": "long", "logicalType": "timestamp-micros"}:
            return _timestamp()
        case {"type": str() as inner, **_rest} if inner in _PRIMITIVES:
            return _PRIMITIVES[inner]
        case _:
            raise SchemaError(f"Avro type {avro_type!r} has no place in the event contract")
