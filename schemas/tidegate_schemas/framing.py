"""How an Avro record says which schema wrote it: Avro single-object encoding, or Confluent's wire format.

Single-object: C3 01, 8 bytes CRC-64-AVRO fingerprint (little endian), body.
Confluent: 00, 4 bytes schema id (big endian), body.
"""

from dataclasses import dataclass
from typing import Literal

from tidegate_schemas.errors import FramingError

__all__ = [
    "CONFLUENT_HEADER_BYTES",
    "MAX_SCHEMA_ID",
    "SINGLE_OBJECT_HEADER_BYTES",
    "Frame",
    "confluent_header",
    "frame_confluent",
    "frame_single_object",
    "read_frame",
    "single_object_header",
]

SINGLE_OBJECT_HEADER_BYTES = 10
CONFLUENT_HEADER_BYTES = 5
MAX_SCHEMA_ID = 2**32 - 1
_SINGLE_OBJECT_MARK = b"\xc3\x01"
_CONFLUENT_MARK = b"\x00"
_FINGERPRINT_BYTES = 8


@dataclass(frozen=True, slots=True)
class Frame:
    """A record taken out of its frame: `key` is the 8 byte fingerprint (single-object) or the schema id (confluent)."""

    kind: Literal["single-object", "confluent"]
    key: bytes | int
    body: bytes


def single_object_header(fingerprint: bytes) -> bytes:
    """Make the 10 bytes that stand before a record's body."""
    if len(fingerprint) != _FINGERPRINT_BYTES:
        raise FramingError(f"a fingerprint has {_FINGERPRINT_BYTES} bytes, not {len(fingerprint)}")
    return _SINGLE_OBJECT_MARK + fingerprint


def confluent_header(schema_id: int) -> bytes:
    """Make the 5 bytes that stand before a record's body."""
    if not 0 <= schema_id <= MAX_SCHEMA_ID:
        raise FramingError(f"a schema id is between 0 and {MAX_SCHEMA_ID}, not {schema_id}")
    return _CONFLUENT_MARK + schema_id.to_bytes(4, "big")


def frame_single_object(fingerprint: bytes, body: bytes) -> bytes:
    """Frame a body in Avro single-object encoding."""
    return single_object_header(fingerprint) + body


def frame_confluent(schema_id: int, body: bytes) -> bytes:
    """Frame a body in Confluent's wire format."""
    return confluent_header(schema_id) + body


def read_frame(data: bytes) -> Frame:
    """Split a record into key and body; FramingError if it starts with neither header or is too short for it."""
    if data[:2] == _SINGLE_OBJECT_MARK:
        if len(data) < SINGLE_OBJECT_HEADER_BYTES:
            raise FramingError(f"single-object header cut short: {len(data)} bytes of {SINGLE_OBJECT_HEADER_BYTES}")
        return Frame("single-object", data[2:SINGLE_OBJECT_HEADER_BYTES], data[SINGLE_OBJECT_HEADER_BYTES:])
    if data[:1] == _CONFLUENT_MARK:
        if len(data) < CONFLUENT_HEADER_BYTES:
            raise FramingError(f"confluent header cut short: {len(data)} bytes of {CONFLUENT_HEADER_BYTES}")
        return Frame("confluent", int.from_bytes(data[1:5], "big"), data[CONFLUENT_HEADER_BYTES:])
    if not data:
        raise FramingError("empty record")
    raise FramingError(f"record starts with {data[:2].hex()}, neither c301 (single-object) nor 00 (confluent)")
