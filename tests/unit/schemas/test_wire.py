"""What stands before a record, what names a schema, and what names an event."""

from __future__ import annotations

import json
import os
import uuid
from typing import Any

import pytest
from fastavro.schema import fingerprint, to_parsing_canonical_form

from tidegate_schemas.errors import DecodeError, FramingError, OversizeError, UnknownSchemaError
from tidegate_schemas.framing import frame_confluent, frame_single_object, read_frame
from tidegate_schemas.identity import EventIds, derived_event_id, new_event_id
from tidegate_schemas.registry import MemoryRegistry
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import MAX_RAW_BYTES, all_schemas, fingerprint_of, outcome_schema, raw_schema

# Fingerprints of the Avro specification's reference implementation, as text of a 64 bit number.
KNOWN = {'"int"': 0x7275D51A3F395C8F, '"string"': 0x8F014872634503C7, '"null"': 0x63DD24E7CC258F8A}


@pytest.mark.parametrize(("schema", "crc"), KNOWN.items())
def test_fingerprints_are_those_of_the_specification(schema: str, crc: int) -> None:
    assert fingerprint(to_parsing_canonical_form(json.loads(schema)), "CRC-64-AVRO") == crc.to_bytes(8, "little").hex()


def test_a_fingerprint_heeds_what_is_on_the_wire_and_nothing_else() -> None:
    def definition(doc: str, kind: str) -> dict[str, Any]:
        return {"type": "record", "name": "R", "fields": [{"name": "a", "type": kind, "doc": doc, "privacy": "keep"}]}

    assert fingerprint_of(definition("x", "long")) == fingerprint_of(definition("y", "long"))
    assert fingerprint_of(definition("x", "long")) != fingerprint_of(definition("x", "int"))
    assert len({schema.fingerprint for schema in all_schemas()}) == len(all_schemas())


def test_both_framings_come_apart_as_they_were_put_together() -> None:
    single = read_frame(frame_single_object(b"12345678", b"body"))
    assert (single.kind, single.key, single.body) == ("single-object", b"12345678", b"body")
    confluent = read_frame(frame_confluent(2**32 - 1, b""))
    assert (confluent.kind, confluent.key, confluent.body) == ("confluent", 2**32 - 1, b"")
    assert frame_confluent(7, b"x") == b"\x00\x00\x00\x00\x07x"
    assert frame_single_object(b"12345678", b"x") == b"\xc3\x0112345678x"


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "empty record"),
        (b"{", "neither c301"),
        (b"\xc3\x02aaaaaaaaaa", "neither c301"),
        (b"\xc3\x01123", "single-object header cut short: 5 bytes of 10"),
        (b"\x00\x01", "confluent header cut short: 2 bytes of 5"),
    ],
)
def test_what_is_no_frame_says_why(data: bytes, complaint: str) -> None:
    with pytest.raises(FramingError, match=complaint):
        read_frame(data)


def test_bounds_of_headers_are_checked() -> None:
    with pytest.raises(FramingError, match="8 bytes, not 3"):
        frame_single_object(b"123", b"")
    with pytest.raises(FramingError, match="not -1"):
        frame_confluent(-1, b"")


OUTCOME = {"outcome_id": "o", "minute": 0, "outcome": "dropped", "reason": "oversize", "quantity": 3}


def test_a_reader_takes_both_framings_and_no_schema_but_ours() -> None:
    registry = MemoryRegistry()
    plain, registered = RowCodec(outcome_schema()), RowCodec(outcome_schema(), registry)
    assert plain.encode(OUTCOME)[:2] == b"\xc3\x01"
    assert registered.encode(OUTCOME)[:1] == b"\x00"
    assert registered.decode(plain.encode(OUTCOME)) == registered.decode(registered.encode(OUTCOME))
    with pytest.raises(UnknownSchemaError, match="claims schema 999"):
        registered.decode(frame_confluent(999, plain.encode(OUTCOME)[10:]))
    with pytest.raises(UnknownSchemaError, match="claims schema 3132333435363738"):
        plain.decode(frame_single_object(b"12345678", b""))


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_bytes_that_are_not_exactly_one_record_are_refused(cut: int) -> None:
    codec = RowCodec(outcome_schema())
    with pytest.raises(DecodeError):
        codec.decode(codec.encode(OUTCOME)[:-cut])
    with pytest.raises(DecodeError):
        codec.decode(codec.encode(OUTCOME) + b"x" * cut)


def test_a_record_past_its_subjects_size_is_neither_written_nor_read() -> None:
    raw = RowCodec(raw_schema("track"))
    event = {"event_id": "e", "producer_id": "p", "project": "p", "name": "n", "occurred_at": 0, "received_at": 0}
    with pytest.raises(OversizeError, match="1048576 at most"):
        raw.encode({**event, "properties": '"' + "x" * MAX_RAW_BYTES + '"'})
    with pytest.raises(DecodeError, match="1048576 at most"):
        raw.decode(raw.encode(event) + b"x" * MAX_RAW_BYTES)


def test_new_ids_are_uuids_of_version_7_that_ascend() -> None:
    ids = [new_event_id() for _ in range(10_000)]
    assert ids == sorted(set(ids))
    assert {(uuid.UUID(each).version, uuid.UUID(each).variant) for each in ids} == {(7, uuid.RFC_4122)}


def test_ids_begin_with_the_time_and_ascend_even_if_the_clock_goes_back() -> None:
    times = iter([1_772_366_400_123, 1_772_366_400_123, 1_772_366_399_000])
    ids = EventIds(clock=lambda: next(times) * 1_000_000, random=os.urandom)
    found = [ids.new() for _ in range(3)]
    assert found == sorted(found)
    assert {int(each.replace("-", "")[:12], 16) for each in found} == {1_772_366_400_123}


def test_a_millisecond_holds_any_number_of_ids() -> None:
    ids = EventIds(clock=lambda: 1_772_366_400_000_000_000)
    found = [ids.new() for _ in range(20_000)]
    assert found == sorted(set(found))


def test_derived_ids_are_the_same_in_any_process_and_parts_do_not_run_together() -> None:
    assert derived_event_id("segment", "default", "m-1") == "9dca93a7-4b23-8c9d-90c9-33f472f3e98f"
    assert derived_event_id("ab", "c") != derived_event_id("a", "bc")
    assert uuid.UUID(derived_event_id("x")).version == 8
