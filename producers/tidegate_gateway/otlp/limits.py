"""What one request may cost: items and values are counted, so that few bytes can't become much memory or time. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.message import Message

from tidegate.foreign.errors import UnfitError
from tidegate_gateway.errors import RefusedError
from tidegate_gateway.intake import Batch
from tidegate_gateway.turns import Slices
from tidegate_schemas.reasons import Reason

#: A message in memory has 25 times the bytes of an empty one on the wire, and a span 80 times.
UNCOUNTED_BYTES = 256 << 10
MAX_ITEMS = 50_000
"""Spans, points or log records in a request, with the messages around them."""
MAX_FIELDS = 300_000
"""Fields of the messages around the items: to look at one takes half a microsecond."""
MAX_VALUES = 500_000
"""Attribute values in a request, nested ones counted each."""
MAX_LETTERS = 1_000
"""Refused items of a request that are kept as dead letters; those beyond are counted as dropped."""

Fields = Sequence[frozenset[int]]
"""Numbers of the fields that hold the messages to count, a set a level."""
_RESOURCES, _SCOPES, _ITEMS = frozenset({1}), frozenset({2}), frozenset({2})
SPANS: Fields = (_RESOURCES, _SCOPES, _ITEMS)
LOG_RECORDS: Fields = SPANS
POINTS: Fields = (*SPANS, frozenset({5, 7, 9, 10, 11}), frozenset({1}))

_FIELDS_A_SLICE = 1_000

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def count_items(body: bytes, fields: Fields) -> Slices[None]:
    """Refuse a protobuf message with too many items before it is parsed. Raises RefusedError."""
    if len(body) <= UNCOUNTED_BYTES:
        return
    items, fields_left, waiting = MAX_ITEMS, MAX_FIELDS, [(0, len(body), 0)]
    while waiting:
        at, end, level = waiting.pop()
        while at < end:
            number, begin, at = _field(body, at, end)
            fields_left -= 1
            if fields_left % _FIELDS_A_SLICE == 0:
                yield
            if number in fields[level] and begin >= 0:
                items -= 1
                if level + 1 < len(fields):
                    waiting.append((begin, at, level + 1))
            if items < 0 or fields_left < 0:
                raise RefusedError(Reason.OVERSIZE, "body", f"holds more than {MAX_ITEMS} items; send smaller batches")


def _field(body: bytes, at: int, end: int) -> tuple[int, int, int]:
    """A field's number, where its bytes begin (-1 for a number), and where it ends."""
    tag, at = _varint(body, at, end)
    kind, begin = tag & 7, -1
    if kind == _BYTES:
        size, begin = _varint(body, at, end)
        at = begin + size
    elif kind == _VARINT:
        _, at = _varint(body, at, end)
    elif kind in {_FIXED64, _FIXED32}:
        at += 8 if kind == _FIXED64 else 4
    else:
        raise _malformed()
    if at > end or not tag >> 3:
        raise _malformed()
    return tag >> 3, begin, at


def _varint(body: bytes, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 70:
        byte = body[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise _malformed()


def _malformed() -> RefusedError:
    return RefusedError(Reason.MALFORMED_ENVELOPE, "body", "is no protobuf message of this kind")


def refuse(batch: Batch, kind: str, index: int, error: UnfitError, item: Message) -> None:
    """Note an item that can't be taken; its bytes are kept for the first thousand."""
    if len(batch.bad) < MAX_LETTERS:
        batch.refuse(index, error, item.SerializeToString())
    else:
        batch.dropped[kind, error.problem.reason] += 1
