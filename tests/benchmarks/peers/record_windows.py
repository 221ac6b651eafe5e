"""The windows' work on one record at a time, which every Python peer calls: spans into windows of ten seconds.

A window's value is the list `[count, client errors, server errors, sum, min, max, {bucket: count}]`, counts in 2^-24
events and sums in 2^-30 s as Tidegate's own; a snapshot is JSON, keyed by window and dimensions. Peers get spans keyed
by their dimensions, so that none has to send them through a topic once more.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import fastavro
import orjson

from tidegate_schemas.framing import SINGLE_OBJECT_HEADER_BYTES
from tidegate_schemas.subjects import clean_schema
from tidegate_schemas.topics import KINDS, Kind
from tidegate_stream.folds.latencies import Latencies
from tidegate_stream.folds.sketch import bucket_of
from tidegate_stream.folds.weight import COUNT_SCALE, MAX_SECONDS, SECONDS_SCALE

TOPIC = "windows"
SECONDS = Latencies.size_seconds
DIMENSIONS = ("project", *Latencies.dimensions)
Value = list[Any]
Span = tuple[float, float, int, bool]
"""Duration in seconds, sample rate, status code, failed."""

_SCHEMAS = {kind: fastavro.parse_schema(clean_schema(kind).definition) for kind in KINDS}


def decoded(value: bytes, kind: Kind = "span") -> Mapping[str, Any]:
    """A clean event."""
    body = io.BytesIO(value)
    body.seek(SINGLE_OBJECT_HEADER_BYTES)
    event: Mapping[str, Any] = fastavro.schemaless_reader(body, _SCHEMAS[kind], None)  # type: ignore[assignment]
    return event


def span_key(span: Mapping[str, Any]) -> bytes:
    """The dimensions of a span."""
    return "\x1f".join(span[name] or "" for name in DIMENSIONS).encode()


def window_of(span: Mapping[str, Any]) -> int:
    """Start of its window, seconds since the epoch."""
    return int(span["occurred_at"].timestamp()) // SECONDS * SECONDS


def empty() -> Value:
    """The value of a window without spans."""
    return [0, 0, 0, 0, float("inf"), 0.0, {}]


def add(value: Value, span: Mapping[str, Any]) -> Value:
    """Count a span in its window's value, which is changed and returned."""
    seconds, rate, status = span["duration_seconds"], span["sample_rate"], span["status_code"] or 0
    seconds, weight = min(max(seconds, 0.0), MAX_SECONDS), round(COUNT_SCALE / rate)
    value[0] += weight
    if span["operation"] == "request":
        value[1] += weight if 400 <= status < 500 else 0
        value[2] += weight if status >= 500 or (status == 0 and span["status"] == "error") else 0
    value[3] += round(seconds / rate * SECONDS_SCALE)
    value[4], value[5] = min(value[4], seconds), max(value[5], seconds)
    bucket = str(bucket_of(seconds))
    value[6][bucket] = value[6].get(bucket, 0) + weight
    return value


def snapshot(key: bytes, window: int, value: Value) -> tuple[bytes, bytes]:
    """Key and value of a record for `TOPIC`."""
    return b"%d\x1f%b" % (window, key), orjson.dumps(value)
