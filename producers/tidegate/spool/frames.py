"""A spool's bytes: records in frames that tell for themselves whether they are whole. Pure.

A frame is a mark (4 bytes), the payload's length and a CRC-32 of length and payload (4 bytes each, little endian), and
the payload: the lengths of topic (2 bytes) and key (4 bytes), then topic, key and value. What a kill or a disk has cut
short or changed doesn't check, and is passed over up to the next frame that does.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tidegate_schemas.subjects import MAX_RECORD_BYTES

MARK = b"\xf1TgS"
_HEAD = struct.Struct("<4sII")
_LENGTHS = struct.Struct("<HI")
#: No record is longer, so that a changed length doesn't make the rest of a file one frame.
MAX_PAYLOAD_BYTES = 2 * MAX_RECORD_BYTES
OVERHEAD_BYTES = _HEAD.size + _LENGTHS.size


class Record(NamedTuple):
    """What is published: a topic, a key and an encoded value."""

    topic: str
    key: bytes
    value: bytes


@dataclass(frozen=True)
class Found:
    """A whole frame in `[begin, end)`."""

    record: Record
    begin: int
    end: int


@dataclass(frozen=True)
class Damaged:
    """Bytes in `[begin, end)` that are no frame. `torn`: nothing follows, so a write was cut short there."""

    begin: int
    end: int
    torn: bool


def framed(record: Record) -> bytes:
    """A record's frame. ValueError if it is longer than a frame may be."""
    topic = record.topic.encode()
    payload = _LENGTHS.pack(len(topic), len(record.key)) + topic + record.key + record.value
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"a spooled record has {len(payload)} bytes, of {MAX_PAYLOAD_BYTES} at most")
    return _HEAD.pack(MARK, len(payload), _check(len(payload), payload)) + payload


def scan(data: bytes, begin: int = 0) -> Iterator[Found | Damaged]:
    """What a file holds from a position on, in order; every byte is in exactly one of the spans."""
    position = begin
    while position < len(data):
        found = _frame_at(data, position)
        if found is None:
            following = _next_frame(data, position + 1)
            end = len(data) if following is None else following
            yield Damaged(position, end, torn=following is None)
            position = end
        else:
            yield found
            position = found.end


def _next_frame(data: bytes, position: int) -> int | None:
    while (place := data.find(MARK, position)) >= 0:
        if _frame_at(data, place) is not None:
            return place
        position = place + 1
    return None


def _frame_at(data: bytes, begin: int) -> Found | None:
    """The frame that begins here, None if none does."""
    if len(data) - begin < OVERHEAD_BYTES:
        return None
    mark, length, check = _HEAD.unpack_from(data, begin)
    start = begin + _HEAD.size
    if mark != MARK or not _LENGTHS.size <= length <= MAX_PAYLOAD_BYTES or start + length > len(data):
        return None
    payload = data[start : start + length]
    if check != _check(length, payload):
        return None
    topic_bytes, key_bytes = _LENGTHS.unpack_from(payload)
    topic, key = _LENGTHS.size, _LENGTHS.size + topic_bytes
    value = key + key_bytes
    return Found(Record(payload[topic:key].decode(), payload[key:value], payload[value:]), begin, start + length)


def _check(length: int, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(length.to_bytes(4, "little")))
