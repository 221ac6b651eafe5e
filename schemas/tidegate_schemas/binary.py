"""The row path's own reader of Avro binary, for the closed set of types that the contract uses.

It takes exactly the bytes that polars-avro takes, so that a record's fate doesn't depend on which path read it, and
is strict about the end of the record. fastavro is no measure here: it wraps varints longer than ten bytes and reads
union index -2 as the last but one branch. No length that a record claims is ever allocated before it is checked.
"""

import struct
from collections.abc import Callable
from typing import Any

from tidegate_schemas.errors import DecodeError, SchemaError

__all__ = ["RecordReader", "read_long", "record_reader"]

RecordReader = Callable[[bytes], dict[str, Any]]
_Reader = Callable[[bytes, int], tuple[Any, int]]
_DOUBLE = struct.Struct("<d")
_FLOAT = struct.Struct("<f")
_MAX_VARINT_BYTES = 10
_UINT32, _UINT64 = 2**32 - 1, 2**64 - 1


def record_reader(definition: dict[str, Any]) -> RecordReader:
    """Make a function that decodes one body of a record schema; timestamps stay integers (µs since epoch).

    The function raises DecodeError unless the bytes are exactly one record; its message never holds a value.
    """
    names = [item["name"] for item in definition["fields"]]
    plan = [_step(item["type"]) for item in definition["fields"]]

    def read(body: bytes) -> dict[str, Any]:
        position = 0
        values: list[Any] = []
        try:
            for nullable, reader in plan:
                if nullable:
                    # Index 0 is null and any other the value, as polars-avro reads it.
                    if not body[position]:
                        values.append(None)
                        position += 1
                        continue
                    branch, position = _varint(body, position, _UINT64)
                    if not branch:
                        values.append(None)
                        continue
                value, position = reader(body, position)
                values.append(value)
        except UnicodeDecodeError:
            raise DecodeError(f"field {names[len(values)]}: not UTF-8") from None
        except (IndexError, struct.error):
            raise DecodeError(f"field {names[len(values)]}: record ends within it") from None
        except DecodeError as error:
            raise DecodeError(f"field {names[len(values)]}: {error}") from None
        if position != len(body):
            raise DecodeError(f"{len(body) - position} bytes after the record's end")
        return dict(zip(names, values, strict=True))

    return read


def read_long(data: bytes, position: int) -> tuple[int, int]:
    """Read a zigzag varint of at most 64 bits; gives the value and the position after it."""
    raw, position = _varint(data, position, _UINT64)
    return (raw >> 1) ^ -(raw & 1), position


def _varint(data: bytes, position: int, limit: int) -> tuple[int, int]:
    raw = data[position]
    if raw < 0x80:
        return raw, position + 1
    raw, shift = raw & 0x7F, 7
    for at in range(position + 1, position + _MAX_VARINT_BYTES):
        byte = data[at]
        raw |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            if raw > limit:
                break
            return raw, at + 1
    raise DecodeError("integer too long")


def _int(data: bytes, position: int) -> tuple[int, int]:
    raw, position = _varint(data, position, _UINT32)
    return (raw >> 1) ^ -(raw & 1), position


def _boolean(data: bytes, position: int) -> tuple[bool, int]:
    return data[position] != 0, position + 1


def _double(data: bytes, position: int) -> tuple[float, int]:
    value: float = _DOUBLE.unpack_from(data, position)[0]
    return value, position + 8


def _float(data: bytes, position: int) -> tuple[float, int]:
    value: float = _FLOAT.unpack_from(data, position)[0]
    return value, position + 4


def _bytes(data: bytes, position: int) -> tuple[bytes, int]:
    size, start = read_long(data, position)
    if size < 0:
        raise DecodeError("negative length")
    end = start + size
    if end > len(data):
        raise DecodeError("length reaches past the record's end")
    return data[start:end], end


def _string(data: bytes, position: int) -> tuple[str, int]:
    # Nearly every length is one byte: this function is most of what a row costs.
    raw = data[position]
    if raw < 0x80 and not raw & 1:
        start = position + 1
        end = start + (raw >> 1)
        if end <= len(data):
            return data[start:end].decode(), end
    value, position = _bytes(data, position)
    return value.decode(), position


def _nullable(value: _Reader) -> _Reader:
    def read(data: bytes, position: int) -> tuple[Any, int]:
        branch, position = _varint(data, position, _UINT64)
        return value(data, position) if branch else (None, position)

    return read


def _array(item: _Reader) -> _Reader:
    def read(data: bytes, position: int) -> tuple[list[Any], int]:
        items: list[Any] = []
        while True:
            count, position = read_long(data, position)
            if count == 0:
                return items, position
            if count < 0:
                count = -count
                size, position = read_long(data, position)
                if size < 0:
                    raise DecodeError("negative block size")
            # An item has a byte at least (the evolution check forbids zero-width ones).
            if count > len(data) - position:
                raise DecodeError("more items than the record has bytes")
            for _ in range(count):
                value, position = item(data, position)
                items.append(value)

    return read


_PRIMITIVES: dict[str, _Reader] = {
    "string": _string,
    "bytes": _bytes,
    "long": read_long,
    "int": _int,
    "double": _double,
    "float": _float,
    "boolean": _boolean,
}


def _step(avro_type: Any) -> tuple[bool, _Reader]:
    match avro_type:
        case ["null", value]:
            return True, _reader(value)
        case _:
            return False, _reader(avro_type)


def _reader(avro_type: Any) -> _Reader:
    match avro_type:
        case str() if avro_type in _PRIMITIVES:
            return _PRIMITIVES[avro_type]
        case ["null", value]:
            return _nullable(_reader(value))
        case {"type": "array", "items": items}:
            return _array(_reader(items))
        case {"type": str() as name, **_rest} if name in _PRIMITIVES:
            return _PRIMITIVES[name]
        case _:
            raise SchemaError(f"Avro type {avro_type!r} has no place in the event contract")
