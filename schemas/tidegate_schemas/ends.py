"""Which of thousands of bodies end where their record does, told by column: no row is read, each field is skipped.

One step a field for all bodies at once, some 0.4 µs a body of thirty fields. A wrong answer costs time and nothing
else: whoever is left is read by row, and the column reader proves the rest again. So what is seldom is left: varints of
ten bytes, arrays in several blocks or of many items.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate_schemas.errors import SchemaError

__all__ = ["Ends", "record_ends"]

Ends = Callable[[Sequence[bytes]], NDArray[np.bool_]]
_Positions = NDArray[np.int64]
_Bytes = NDArray[np.uint8]
_Skip = Callable[[_Bytes, _Positions], _Positions]
"""Gives the positions after a value: never before it, and maybe beyond the bytes, which end in `_PAD` zeros."""
_MAX_VARINT_BYTES = 9
_MOST_ITEMS = 256
"""A step each: a body that claims a million would hold up all others."""
_PAD = 16
_BEYOND = _PAD - 1
"""So far before the end of the bytes no body ends: whoever comes past all bodies is held there."""
_FAR = np.int64(2**62)
"""Where a body is sent that isn't one record, or of which that can't be told here."""


def record_ends(definition: dict[str, Any]) -> Ends:
    """Make a function that says of each body whether exactly one record of a schema fills it.

    True may be wrong of bytes that no varint or text may be, False of records with uncommon shapes.
    """
    steps = [_step(item["type"]) for item in definition["fields"]]

    def ends(bodies: Sequence[bytes]) -> NDArray[np.bool_]:
        data = np.frombuffer(b"".join((*bodies, bytes(_PAD))), dtype=np.uint8)
        sizes = np.fromiter(map(len, bodies), dtype=np.int64, count=len(bodies))
        wanted = np.cumsum(sizes)
        positions = wanted - sizes
        for skip in steps:
            positions = _held(data, skip(data, positions))
        right: NDArray[np.bool_] = positions == wanted
        return right

    return ends


def _held(data: _Bytes, positions: _Positions) -> _Positions:
    return np.minimum(positions, len(data) - _BEYOND)


def _varint(data: _Bytes, positions: _Positions) -> tuple[_Positions, _Positions]:
    """Unsigned values of varints, and the positions after them."""
    first = data[positions]
    values, after = first.astype(np.int64), positions + 1
    long = np.flatnonzero(first >= 0x80)
    values[long] &= 0x7F
    for byte in range(1, _MAX_VARINT_BYTES):
        if not len(long):
            return values, after
        at = positions[long] + byte
        got = data[np.minimum(at, len(data) - 1)].astype(np.int64)
        values[long] |= (got & 0x7F) << (7 * byte)
        after[long] = at + 1
        long = long[got >= 0x80]
    after[long] = _FAR
    return values, after


def _sized(data: _Bytes, positions: _Positions) -> _Positions:
    raw, after = _varint(data, positions)
    after += np.minimum(raw >> 1, len(data))
    after[(raw & 1).astype(bool)] = _FAR
    return after


def _number(data: _Bytes, positions: _Positions) -> _Positions:
    return _varint(data, positions)[1]


def _fixed(size: int) -> _Skip:
    return lambda _, positions: positions + size


def _nullable(value: _Skip) -> _Skip:
    def skip(data: _Bytes, positions: _Positions) -> _Positions:
        branch, after = _varint(data, positions)
        given = np.flatnonzero(branch)
        if len(given):
            after[given] = value(data, _held(data, after[given]))
        return after

    return skip


def _array(item: _Skip) -> _Skip:
    def skip(data: _Bytes, positions: _Positions) -> _Positions:
        raw, after = _varint(data, positions)
        after[(raw & 1).astype(bool) | (raw > 2 * _MOST_ITEMS)] = _FAR
        filled = going = np.flatnonzero(raw)
        left = np.minimum(raw >> 1, _MOST_ITEMS)
        while len(going):
            after[going] = item(data, _held(data, after[going]))
            left[going] -= 1
            going = going[left[going] > 0]
        closed = _held(data, after[filled])
        after[filled] = np.where(data[closed] == 0, closed + 1, _FAR)
        return after

    return skip


_PRIMITIVES: dict[str, _Skip] = {
    "string": _sized,
    "bytes": _sized,
    "long": _number,
    "int": _number,
    "double": _fixed(8),
    "float": _fixed(4),
    "boolean": _fixed(1),
}


def _step(avro_type: Any) -> _Skip:
    match avro_type:
        case str() if avro_type in _PRIMITIVES:
            return _PRIMITIVES[avro_type]
        case ["null", value]:
            return _nullable(_step(value))
        case {"type": "array", "items": items}:
            return _array(_step(items))
        case {"type": str() as name, **_rest} if name in _PRIMITIVES:
            return _PRIMITIVES[name]
        case _:
            raise SchemaError(f"Avro type {avro_type!r} has no place in the event contract")
