"""The Sentry envelope: a header line, then items of a header line and a payload each. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tidegate.foreign.values import text
from tidegate_gateway.errors import RefusedError
from tidegate_gateway.values import parse_object
from tidegate_schemas.reasons import Reason

MAX_ITEMS = 1_000
MAX_HEADER_BYTES = 64 << 10
_NEWLINE = 0x0A


@dataclass(frozen=True)
class Item:
    """One item: its header and its payload's bytes."""

    header: dict[str, Any]
    payload: bytes

    @property
    def type(self) -> str:
        """The item's type; empty if it has none."""
        return text(self.header, "type")


@dataclass(frozen=True)
class SentryEnvelope:
    """Header and items."""

    header: dict[str, Any]
    items: list[Item]


def parse_envelope(body: bytes) -> SentryEnvelope:
    """Read an envelope, in one pass. Raises RefusedError (malformed_envelope, malformed_json, oversize)."""
    header, position = _header(body, 0, "envelope header")
    return SentryEnvelope(header, list(_items(body, position)))


def _items(body: bytes, position: int) -> Iterator[Item]:
    number = 0
    while (position := _after_newlines(body, position)) < len(body):
        if number >= MAX_ITEMS:
            raise RefusedError(Reason.OVERSIZE, "envelope", f"has more than {MAX_ITEMS} items")
        header, start = _header(body, position, f"header of item {number}")
        end = _end(body, start, header.get("length"), number)
        yield Item(header, body[start:end])
        position, number = end + 1, number + 1


def _header(body: bytes, start: int, what: str) -> tuple[dict[str, Any], int]:
    """A header line's object, and where the next line begins."""
    end = body.find(b"\n", start)
    end = len(body) if end < 0 else end
    if end - start > MAX_HEADER_BYTES:
        raise RefusedError(Reason.OVERSIZE, what, f"is longer than {MAX_HEADER_BYTES} bytes")
    return parse_object(body[start:end], what), end + 1


def _end(body: bytes, start: int, length: object, number: int) -> int:
    """Where a payload ends: after its length, or at the end of its line if none is given."""
    left = max(0, len(body) - start)
    if length is None:
        end = body.find(b"\n", start)
        return len(body) if end < 0 else end
    if not isinstance(length, int) or isinstance(length, bool) or not 0 <= length <= left:
        what = f"must be a number of bytes up to {left}, which is all that follows"
        raise RefusedError(Reason.MALFORMED_ENVELOPE, f"length of item {number}", what)
    end = start + length
    if end < len(body) and body[end] != _NEWLINE:
        what = f"must end at a newline or with the envelope; after {length} bytes the payload goes on"
        raise RefusedError(Reason.MALFORMED_ENVELOPE, f"length of item {number}", what)
    return end


def _after_newlines(body: bytes, position: int) -> int:
    while position < len(body) and body[position] == _NEWLINE:
        position += 1
    return position
