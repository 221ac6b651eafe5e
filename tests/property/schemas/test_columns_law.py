"""The columnar path is held to the row path, for any mixture of good, bad and mixed-version records."""

import io
from pathlib import Path
from typing import Any

import fastavro
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.property.schemas import records

from tidegate_schemas import columns, history, screen, versions
from tidegate_schemas.binary import RecordReader, record_reader
from tidegate_schemas.bounds import broken_bound
from tidegate_schemas.columns import ColumnCodec
from tidegate_schemas.errors import DecodeError
from tidegate_schemas.reasons import Reason
from tidegate_schemas.rows import Decoder, RowCodec, resolving_reader
from tidegate_schemas.subjects import KINDS, Kind, Schema, clean_schema, raw_schema
from tidegate_schemas.versions import KnownVersions

EVENT = {
    "event_id": "0198c0de-0000-7000-8000-000000000000",
    "producer_id": "p",
    "project": "default",
    "name": "clicked",
    "occurred_at": 1_700_000_000_000_000,
    "received_at": 1_700_000_000_000_000,
}
LIMITS = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
KIND = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let even small batches go by column: the law is about the path, not about when it is taken."""
    monkeypatch.setattr(columns, "_FEW", 0)
    monkeypatch.setattr(columns, "_PIECE", 4)
    monkeypatch.setattr(screen, "FEW", 0)


@pytest.fixture
def two_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that each subject also has a recorded version with one field more, and that ours came after it."""

    def known(schema: Schema) -> tuple[Schema, ...]:
        if "gone" in schema.names:
            return (schema,)
        return (records.with_field(schema, "gone", "double", 0.5), schema)

    monkeypatch.setattr(versions, "known_versions", known)


def by_row(schema: Schema, data: list[bytes]) -> tuple[list[tuple[int, dict[str, Any]]], list[tuple[int, Reason]]]:
    """What the row path makes of framed records: (position, record) and (position, reason)."""
    known = KnownVersions([schema])
    good, bad = [], []
    for index, value in enumerate(data):
        try:
            version, body = known.find(value)
        except DecodeError as error:
            unknown = type(error).__name__ == "UnknownSchemaError"
            bad.append((index, Reason.UNKNOWN_SCHEMA if unknown else Reason.MALFORMED_ENVELOPE))
            continue
        try:
            record = resolving_reader(version)(body)
        except DecodeError:
            bad.append((index, Reason.MALFORMED_AVRO))
            continue
        broken = broken_bound(record)
        if broken is None:
            good.append((index, record))
        else:
            bad.append((index, broken[0]))
    return good, bad


def assert_same(schema: Schema, data: list[bytes]) -> None:
    decoded = ColumnCodec(schema).decode(data)
    good, bad = by_row(schema, data)
    assert decoded.frame["_index"].to_list() == [index for index, _ in good]
    assert [(item.index, item.reason) for item in decoded.bad] == bad
    assert {name: dtype for name, dtype in decoded.frame.schema.items() if name != "_index"} == columns.polars_schema(
        schema
    )
    for row, (_, record) in zip(decoded.frame.iter_rows(named=True), good, strict=True):
        assert {name: records.as_micros(row[name]) for name in record} == {
            name: records.as_micros(value) for name, value in record.items()
        }


@KIND
@LIMITS
@given(data=st.data())
def test_columns_read_what_rows_read_whatever_stands_between(kind: Kind, data: st.DataObject) -> None:
    schema = raw_schema(kind)
    codec = RowCodec(schema)
    good = data.draw(st.lists(records.events(schema), min_size=1, max_size=9))
    framed = [codec.encode(record) for record in good]
    mixed = [
        data.draw(st.just(one) | records.mangled(one) | st.just(one) | st.binary(max_size=30), label="record")
        for one in framed
    ]
    assert_same(schema, mixed)


@pytest.mark.parametrize("broken", [{3}, {0, 15, 16, 999}, {498, 512, 513}, set(range(0, 1000, 211))], ids=len)
def test_bad_records_have_none_but_themselves_read_by_row(broken: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    by_row = []

    def counting(definition: dict[str, Any]) -> RecordReader:
        read = record_reader(definition)

        def counted(body: bytes) -> dict[str, Any]:
            by_row.append(body)
            return read(body)

        return counted

    monkeypatch.setattr(columns, "record_reader", counting)
    whole = RowCodec(raw_schema("track")).encode(EVENT)
    values = [whole[:-3] if index in broken else whole for index in range(1000)]
    decoded = ColumnCodec(raw_schema("track")).decode(values)
    assert {item.index for item in decoded.bad} == broken
    assert decoded.frame["_index"].to_list() == sorted(set(range(1000)) - broken)
    assert len(by_row) == len(broken)


@KIND
@LIMITS
@given(data=st.data())
def test_versions_mix_in_a_chunk_and_keep_their_order(kind: Kind, two_versions: None, data: st.DataObject) -> None:
    schema = raw_schema(kind)
    older = records.with_field(schema, "gone", "double", 0.5)
    codecs = [RowCodec(schema), RowCodec(older)]
    good = data.draw(st.lists(records.events(schema), min_size=2, max_size=8))
    mixed = [data.draw(st.sampled_from(codecs), label="version").encode(record) for record in good]
    if data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(mixed) - 1))
        mixed[place] = data.draw(records.mangled(mixed[place]))
    assert_same(schema, mixed)


@KIND
@LIMITS
@given(data=st.data())
def test_encoded_columns_are_what_fastavro_reads(kind: Kind, data: st.DataObject) -> None:
    raw, clean = raw_schema(kind), clean_schema(kind)
    good = data.draw(st.lists(records.events(raw), min_size=1, max_size=5))
    frame = ColumnCodec(raw).decode([RowCodec(raw).encode(record) for record in good]).frame
    frame = frame.select(
        *(pl.col(item.raw_name).alias(item.name) for item in clean.fields if item.raw_name is not None),
        pl.int_range(pl.len(), dtype=pl.Int64).alias("source_offset"),
    )
    encoded = ColumnCodec(clean).encode(frame)
    parsed = fastavro.parse_schema(clean.definition)
    expected = list(frame.iter_rows(named=True))
    for message, row in zip(encoded, expected, strict=True):
        stream = io.BytesIO(message[10:])
        assert fastavro.schemaless_reader(stream, parsed, None) == row
        assert stream.tell() == len(message) - 10
        assert RowCodec(clean).decode(message) == row
        assert RowCodec(clean).encode(row) == message


@KIND
@LIMITS
@given(data=st.data())
def test_rows_survive_a_round_trip_and_our_reader_agrees_with_fastavro(kind: Kind, data: st.DataObject) -> None:
    schema = raw_schema(kind)
    record = data.draw(records.events(schema))
    encoded = RowCodec(schema).encode(record)
    assert RowCodec(schema).decode(encoded) == record
    assert Decoder([schema]).read(encoded) == (schema, record)
    parsed = fastavro.parse_schema(schema.definition)
    assert fastavro.schemaless_reader(io.BytesIO(encoded[10:]), parsed, None) == record


@LIMITS
@given(body=st.binary(max_size=200))
def test_no_bytes_make_the_row_reader_fail_otherwise_than_by_a_decode_error(body: bytes) -> None:
    for kind in KINDS:
        try:
            record_reader(raw_schema(kind).definition)(body)
        except DecodeError:
            continue


def test_an_older_version_gets_the_default_of_a_field_that_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    old = raw_schema("track")
    new = records.with_field(old, "added", ["null", "string"], None)
    newest = records.with_field(new, "weight", "double", 2.5)
    monkeypatch.setattr(versions, "known_versions", lambda _schema: (old, new, newest))
    messages = [RowCodec(one).encode(EVENT) for one in (old, newest, new, old)]
    decoded = ColumnCodec(newest).decode(messages)
    assert decoded.bad == []
    assert decoded.frame["weight"].to_list() == [2.5] * 4
    assert decoded.frame["added"].to_list() == [None] * 4
    assert Decoder([newest]).decode(messages[0])["weight"] == 2.5


def test_history_is_where_versions_come_from() -> None:
    assert Path(history.HISTORY).is_dir()
