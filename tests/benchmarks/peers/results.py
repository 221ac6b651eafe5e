"""Whether a system's results are the right ones: the same clean records, field by field, and the same windows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from clickhouse_connect.driver.client import Client
from tests.benchmarks.peers import record_windows
from tests.benchmarks.peers.arena import Left
from tests.benchmarks.peers.in_memory import Record

from tidegate_schemas.rows import Decoder
from tidegate_schemas.subjects import clean_schema
from tidegate_schemas.topics import KINDS, Kind, clean_topic
from tidegate_stream.folds.weight import COUNT_SCALE, SECONDS_SCALE

Results = Mapping[Any, Mapping[str, Any]]
COLUMNS = ("count", "client_errors", "server_errors", "sum_seconds", "min_seconds", "max_seconds", "sketch")

#: Views that count every record of a kind once, and in which column.
COUNTED: Sequence[tuple[str, str, Kind]] = (
    ("count", "usage", "track"),
    ("events", "activity", "track"),
    ("events", "sessions", "track"),
    ("count", "latencies", "span"),
)


class DifferentError(AssertionError):
    """A system's results are not the expected ones."""


def compare(system: str, found: Results, expected: Results) -> None:
    """DifferentError names the first difference."""
    for key in sorted(expected.keys() | found.keys(), key=repr):
        if key not in found:
            raise DifferentError(f"{system} lacks {key!r}: {len(found)} results of {len(expected)}")
        if key not in expected:
            raise DifferentError(f"{system} has {key!r}, which is not expected: {dict(found[key])}")
        for name, value in expected[key].items():
            if found[key].get(name) != value:
                raise DifferentError(
                    f"{system}: {name} of {key!r} is {found[key].get(name)!r} where {value!r} is expected"
                )


def compare_clean(system: str, found: Sequence[tuple[bytes, bytes]], expected: Sequence[tuple[bytes, bytes]]) -> None:
    """DifferentError unless both are the same clean records; they are decoded only where their bytes differ."""
    if sorted(found) != sorted(expected):
        compare(system, clean_records(found), clean_records(expected))


def clean_records(values: Iterable[tuple[bytes, bytes]]) -> Results:
    """Clean records by their event id, with their Kafka keys. DifferentError if one is there twice."""
    decoder, found = Decoder([clean_schema(kind) for kind in KINDS]), {}
    for key, value in values:
        record = decoder.decode(value)
        if record["event_id"] in found:
            raise DifferentError(f"event {record['event_id']} passed twice")
        found[record["event_id"]] = {**record, "key": key}
    return found


def clean_topics() -> list[str]:
    """Where a gate writes to."""
    return [clean_topic(kind) for kind in KINDS]


def pairs(records: Iterable[Record]) -> Iterable[tuple[bytes, bytes]]:
    """Keys and values of records."""
    return ((record.key, record.value) for record in records)


def window_rows(rows: Iterable[Mapping[str, Any]]) -> Results:
    """Windows by start and dimensions, from rows of Tidegate's tables.

    A key is in one partition, but for `(other)`, which each has once it is above its cap.
    """
    found: dict[Any, Mapping[str, Any]] = {}
    for row in rows:
        key = (int(row["window_start"].timestamp()), *(row[name] for name in record_windows.DIMENSIONS))
        sketch = dict(zip(row["buckets"], row["bucket_counts"], strict=True))
        window = {**{name: row[name] for name in COLUMNS if name in row}, "sketch": sketch}
        found[key] = _together(found[key], window) if key in found else window
    return found


def _together(one: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, Any]:
    """Two partitions' rows of one window as one."""
    added = {name: one[name] + other[name] for name in one if name.endswith(("count", "errors", "sum_seconds"))}
    extremes = {name: least(one[name], other[name]) for name, least in (("min_seconds", min), ("max_seconds", max))}
    return {**added, **extremes, "sketch": dict(Counter(one["sketch"]) + Counter(other["sketch"]))}


def windows_of(left: Left) -> Results:
    """Windows that a system left: in Tidegate's tables, or the last snapshot of each."""
    if left.clickhouse is not None:
        return window_rows(_stored(left.clickhouse))
    latest = dict(left.values([record_windows.TOPIC]))
    return {_place(key): _snapshot(orjson.loads(value)) for key, value in latest.items()}


def compare_counts(system: str, left: Left, records: Sequence[Record]) -> None:
    """Whether ClickHouse has every record of the clean topics once, and the aggregates count them all."""
    assert left.clickhouse is not None
    expected = Counter(record.topic for record in records)
    for kind in KINDS:
        stored = left.clickhouse.query(f"SELECT count() FROM tidegate.events_{kind} FINAL").result_rows[0][0]
        compare(system, {kind: {"rows": stored}}, {kind: {"rows": expected[clean_topic(kind)]}})
    for column, view, kind in COUNTED:
        counted = left.clickhouse.query(f"SELECT sum({column}) FROM analytics.{view}").result_rows[0][0]
        compare(system, {view: {"rows": counted}}, {view: {"rows": expected[clean_topic(kind)]}})


def _place(key: bytes) -> tuple[Any, ...]:
    window, *dimensions = key.decode().split("\x1f")
    return int(window), *dimensions


def _snapshot(value: list[Any]) -> dict[str, Any]:
    counts = [number / COUNT_SCALE for number in value[:3]]
    sketch = {int(bucket): count / COUNT_SCALE for bucket, count in value[6].items()}
    return dict(zip(COLUMNS, (*counts, value[3] / SECONDS_SCALE, value[4], value[5], sketch), strict=True))


def _stored(client: Client) -> list[dict[str, Any]]:
    on = "source_partition, window_start, project, environment, release, service, route, method"
    sql = f"""
SELECT l.*, r.client_errors AS client_errors, r.server_errors AS server_errors
FROM (SELECT * FROM tidegate.latencies FINAL) AS l
LEFT JOIN (SELECT {on}, client_errors, server_errors FROM tidegate.error_rates FINAL) AS r USING ({on})
"""
    answer = client.query(sql)
    return [dict(zip(answer.column_names, row, strict=True)) for row in answer.result_rows]
