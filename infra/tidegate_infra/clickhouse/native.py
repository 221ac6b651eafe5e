"""Lifts chDB's Native blocks (always revision 0) to the revision that a client asked for.

Revision 0 lacks what newer readers expect: the BlockInfo before each block, one "custom serialization" byte after
each column type, and the time zone of a top-level DateTime. To insert them one must find where columns end, so this
walks the encoding; values are copied, never decoded. JSON, Dynamic, QBit and AggregateFunction are not walked: below
revision 54454 such blocks pass as they are, above it only where the column is the last.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"
TIME_ZONES_SINCE = 54337
CUSTOM_SERIALIZATION_SINCE = 54454
_WIDTHS = {
    "Int8": 1,
    "Int16": 2,
    "Int32": 4,
    "Int64": 8,
    "Int128": 16,
    "Int256": 32,
    "UInt8": 1,
    "UInt16": 2,
    "UInt32": 4,
    "UInt64": 8,
    "UInt128": 16,
    "UInt256": 32,
    "Float32": 4,
    "Float64": 8,
    "BFloat16": 2,
    "Bool": 1,
    "Date": 2,
    "Date32": 4,
    "DateTime": 4,
    "DateTime64": 8,
    "Time": 4,
    "Time64": 8,
    "UUID": 16,
    "IPv4": 4,
    "IPv6": 16,
    "Enum8": 1,
    "Enum16": 2,
    "Decimal32": 4,
    "Decimal64": 8,
    "Decimal128": 16,
    "Decimal256": 32,
    "Nothing": 1,
}
_ALIASES = {
    "Point": "Tuple(Float64, Float64)",
    "Ring": "Array(Point)",
    "LineString": "Array(Point)",
    "Polygon": "Array(Ring)",
    "MultiLineString": "Array(LineString)",
    "MultiPolygon": "Array(Polygon)",
}


class UnsupportedTypeError(ValueError):
    """A column type whose extent is not known here."""


class NeedMoreError(ValueError):
    """The block ends early."""


@dataclass(frozen=True)
class Type:
    """A column type and its arguments."""

    name: str
    arguments: tuple[str, ...] = ()

    @property
    def types(self) -> tuple[Type, ...]:
        """Arguments that are types themselves."""
        return tuple(parse_type(a) for a in self.arguments)


@lru_cache(maxsize=4096)
def parse_type(text: str) -> Type:
    """Read a type's text."""
    text = text.strip()
    named = re.match(r"(?:`(?:[^`\\]|\\.)*`|\w+)\s+(?=\w+)", text)  # a tuple's `name Type`
    if named and not text.startswith(("Enum", "Decimal")):
        text = text[named.end() :]
    name, bracket, rest = text.partition("(")
    if not bracket:
        return Type(name)
    arguments, depth, start, quote = [], 0, 0, ""
    inner = rest[:-1]
    for at, char in enumerate(inner):
        if quote:
            quote = "" if char == quote and inner[at - 1] != "\\" else quote
        elif char in "'`\"":
            quote = char
        elif char in "()":
            depth += 1 if char == "(" else -1
        elif char == "," and depth == 0:
            arguments.append(inner[start:at].strip())
            start = at + 1
    if inner:
        arguments.append(inner[start:].strip())
    return Type(name, tuple(arguments))


def _expand(kind: Type) -> Type:
    if kind.name in _ALIASES:
        return parse_type(_ALIASES[kind.name])
    if kind.name == "SimpleAggregateFunction":
        return _expand(parse_type(kind.arguments[1]))
    if kind.name == "Nested":
        return Type("Array", (f"Tuple({', '.join(kind.arguments)})",))
    if kind.name == "Map":
        return Type("Array", (f"Tuple({', '.join(kind.arguments)})",))
    return kind


def _width(kind: Type) -> int:
    if kind.name in _WIDTHS:
        return _WIDTHS[kind.name]
    if kind.name == "FixedString":
        return int(kind.arguments[0])
    if kind.name == "Decimal":
        precision = int(kind.arguments[0])
        return 4 if precision <= 9 else 8 if precision <= 18 else 16 if precision <= 38 else 32
    return 8 if kind.name.startswith("Interval") else 0


class _Walker:
    def __init__(self, data: bytes | bytearray) -> None:
        self.data, self.at = data, 0

    def skip(self, count: int) -> int:
        start, self.at = self.at, self.at + count
        if self.at > len(self.data):
            raise NeedMoreError
        return start

    def uint64(self) -> int:
        return int(struct.unpack_from("<Q", self.data, self.skip(8))[0])

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.data[self.skip(1)]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def text(self) -> bytes:
        length = self.varint()
        start = self.skip(length)
        return bytes(self.data[start : start + length])

    def strings(self, rows: int) -> None:
        data, at = self.data, self.at
        try:
            for _ in range(rows):
                length = data[at]
                if length < 0x80:
                    at += length + 1
                else:
                    self.at = at
                    length = self.varint()
                    at = self.at + length
        except IndexError:
            raise NeedMoreError from None
        self.at = at
        self.skip(0)

    def prefix(self, kind: Type) -> None:
        kind = _expand(kind)
        if kind.name == "LowCardinality":
            self.skip(8)
        elif kind.name == "Variant" and self.uint64() != 0:
            raise UnsupportedTypeError("Variant in compact form")
        if kind.name in {"Array", "Nullable", "Tuple", "Variant"}:
            for inner in kind.types:
                self.prefix(inner)

    def values(self, kind: Type, rows: int) -> None:  # noqa: C901 - one branch an encoding
        kind = _expand(kind)
        if width := _width(kind):
            self.skip(width * rows)
        elif kind.name == "String":
            self.strings(rows)
        elif kind.name == "Nullable":
            self.skip(rows)
            self.values(kind.types[0], rows)
        elif kind.name == "Array":
            start = self.skip(8 * rows)
            total = struct.unpack_from("<Q", self.data, start + 8 * (rows - 1))[0] if rows else 0
            self.values(kind.types[0], total)
        elif kind.name == "Tuple":
            if not kind.arguments:
                self.skip(rows)
            for inner in kind.types:
                self.values(inner, rows)
        elif kind.name == "LowCardinality":
            self.low_cardinality(kind.types[0], rows)
        elif kind.name == "Variant":
            start = self.skip(rows)
            chosen = self.data[start : start + rows]
            for number, inner in enumerate(kind.types):
                self.values(inner, chosen.count(number))
        else:
            raise UnsupportedTypeError(f"{kind.name} is not supported in Native at client_protocol_version > 0")

    def low_cardinality(self, inner: Type, rows: int) -> None:
        if not rows:
            return
        flags = self.uint64()
        keys = self.uint64()
        self.values(inner.types[0] if inner.name == "Nullable" else inner, keys)
        self.skip((1 << (flags & 0xF)) * self.uint64())


def split_blocks(data: bytes) -> Iterator[bytes]:
    """Blocks of a whole Native answer whose types are all walkable."""
    walker = _Walker(data)
    while walker.at < len(data):
        start = walker.at
        columns, rows = walker.varint(), walker.varint()
        for _ in range(columns):
            walker.text()
            kind = parse_type(walker.text().decode())
            if rows:
                walker.prefix(kind)
                walker.values(kind, rows)
        yield bytes(data[start : walker.at])


def frame(block: bytes) -> bytes:
    """A block as RevisionLift takes it: its length, then itself."""
    return struct.pack("<Q", len(block)) + block


class RevisionLift:
    """`feed` framed blocks in any pieces, take blocks at `revision`. `zones` gives types with zones, asked once."""

    def __init__(self, revision: int, zones: Callable[[], list[str]]) -> None:
        self._revision, self._zones = revision, zones
        self._types: list[str] | None = None
        self._buffer = bytearray()

    def feed(self, data: bytes) -> bytes:
        """Take framed bytes, return lifted ones."""
        self._buffer += data
        out = []
        while len(self._buffer) >= 8 and len(self._buffer) >= (end := 8 + struct.unpack_from("<Q", self._buffer)[0]):
            out.append(self._lift(bytes(self._buffer[8:end])))
            del self._buffer[:end]
        return b"".join(out)

    def _lift(self, block: bytes) -> bytes:
        walker = _Walker(block)
        columns, rows = walker.varint(), walker.varint()
        out = bytearray(BLOCK_INFO + block[: walker.at])
        for number in range(columns):
            start = walker.at
            walker.text()
            out += block[start : walker.at]
            declared = walker.text()
            shown = self._zoned(number) if declared == b"DateTime" and self._revision >= TIME_ZONES_SINCE else declared
            out += _varint(len(shown)) + shown
            if self._revision >= CUSTOM_SERIALIZATION_SINCE:
                out.append(0)
            start = walker.at
            try:
                if rows:
                    kind = parse_type(declared.decode())
                    walker.prefix(kind)
                    walker.values(kind, rows)
            except UnsupportedTypeError:  # its end is unknown; fine if nothing after it needs changing
                if number + 1 < columns and self._revision >= CUSTOM_SERIALIZATION_SINCE:
                    raise
                return bytes(out + block[start:])
            out += block[start : walker.at]
        return bytes(out)

    def _zoned(self, number: int) -> bytes:
        if self._types is None:
            self._types = self._zones()
        found = self._types[number] if number < len(self._types) else ""
        return found.encode() if found.startswith("DateTime(") else b"DateTime"


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
