"""Where records end is told by column as the row reader finds it, of whatever bytes stand beside each other."""

import io

import fastavro
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.property.schemas import records

from tidegate_schemas.binary import record_reader
from tidegate_schemas.ends import record_ends
from tidegate_schemas.errors import DecodeError
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import KINDS, Kind, Schema, raw_schema

LIMITS = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
KIND = pytest.mark.parametrize("kind", KINDS)


def bodies_of(schema: Schema, data: st.DataObject) -> list[bytes]:
    codec = RowCodec(schema)
    drawn = data.draw(st.lists(records.events(schema), min_size=1, max_size=8), label="events")
    return [codec.encode(event)[10:] for event in drawn]


def refusal(schema: Schema, body: bytes) -> str | None:
    try:
        record_reader(schema.definition)(body)
    except DecodeError as error:
        return str(error)
    return None


@KIND
@LIMITS
@given(data=st.data())
def test_whole_records_end_where_their_bodies_do(kind: Kind, data: st.DataObject) -> None:
    schema = raw_schema(kind)
    bodies = bodies_of(schema, data)
    found = record_ends(schema.definition)(bodies).tolist()
    assert [right or _has_ten_bytes(body) for body, right in zip(bodies, found, strict=True)] == [True] * len(bodies)


def _has_ten_bytes(body: bytes) -> bool:
    """Whether some number may have ten bytes: these are left to the row reader."""
    return bytes(9) in bytes(byte < 0x80 for byte in body)


@KIND
@LIMITS
@given(data=st.data())
def test_a_body_that_is_said_to_end_right_is_one_that_rows_read_but_for_its_values(
    kind: Kind, data: st.DataObject
) -> None:
    schema = raw_schema(kind)
    mixed = [
        data.draw(st.just(one) | records.mangled(one) | st.binary(max_size=30), label="body")
        for one in bodies_of(schema, data)
    ]
    for body, right in zip(mixed, record_ends(schema.definition)(mixed).tolist(), strict=True):
        refused = refusal(schema, body)
        assert not right or refused is None or "not UTF-8" in refused or "integer too long" in refused


@KIND
def test_the_last_body_has_no_other_end_than_those_before_it(kind: Kind) -> None:
    schema = raw_schema(kind)
    ends = record_ends(schema.definition)
    for cut in (b"", b"\x00", b"\xff" * 12, b"\x01", b"\x80" * 9, b"\x0c\x00"):
        assert ends([cut, cut, cut]).tolist() == [False] * 3


@pytest.mark.parametrize(("items", "told"), [(0, True), (1, True), (256, True), (257, False), (10**6, False)])
def test_only_arrays_of_few_items_are_followed_so_that_a_long_one_holds_up_nobody(items: int, told: bool) -> None:
    definition = {"fields": [{"name": "counts", "type": {"type": "array", "items": "long"}}]}
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, {"type": "array", "items": "long"}, [300] * items)
    assert record_reader(definition)(stream.getvalue()) == {"counts": [300] * items}
    assert record_ends(definition)([stream.getvalue()]).tolist() == [told]
