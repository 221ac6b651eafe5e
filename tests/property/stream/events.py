"""Random clean events of every kind: few values of each field, so that keys meet and boundaries are hit."""

from __future__ import annotations

from typing import Any

import polars as pl
from hypothesis import strategies as st

BASE = 1_760_000_400_000_000
"""A multiple of 30 minutes, in µs."""
SECOND = 1_000_000
INSTANT = pl.Datetime("us", "UTC")

ENVELOPE: dict[str, Any] = {
    "event_id": pl.String,
    "producer_id": pl.String,
    "sequence": pl.Int64,
    "project": pl.String,
    "environment": pl.String,
    "release": pl.String,
    "service": pl.String,
    "name": pl.String,
    "occurred_at": INSTANT,
    "received_at": INSTANT,
    "sample_rate": pl.Float64,
    "consent": pl.String,
    "user": pl.String,
    "visitor": pl.String,
    "session": pl.String,
    "ip": pl.String,
    "user_agent": pl.String,
    "url": pl.String,
    "referrer": pl.String,
    "trace_id": pl.String,
    "properties": pl.String,
}
KINDS: dict[str, dict[str, Any]] = {
    "track": {
        "type": pl.String,
        "feature": pl.String,
        "agent": pl.String,
        "failed": pl.Boolean,
        "previous": pl.String,
    },
    "error": {"level": pl.String, "route": pl.String, "method": pl.String},
    "span": {
        "operation": pl.String,
        "duration_seconds": pl.Float64,
        "status": pl.String,
        "status_code": pl.Int32,
        "route": pl.String,
        "method": pl.String,
        "statement": pl.String,
        "db_system": pl.String,
    },
    "metric": {
        "instrument": pl.String,
        "temporality": pl.String,
        "unit": pl.String,
        "value": pl.Float64,
        "started_at": INSTANT,
        "count": pl.Int64,
        "sum": pl.Float64,
        "bucket_bounds": pl.List(pl.Float64),
        "bucket_counts": pl.List(pl.Int64),
        "instance": pl.String,
        "attributes": pl.String,
    },
    "log": {"level": pl.String, "body": pl.String},
    "health": {
        "report": pl.String,
        "state": pl.String,
        "init": pl.Boolean,
        "errors": pl.Int64,
        "quantity": pl.Int64,
        "duration_seconds": pl.Float64,
    },
}

_times = st.one_of(
    st.integers(0, 40).map(lambda n: n * SECOND),
    st.integers(-8, 8).map(lambda n: n * 900 * SECOND),
    st.integers(0, 7200).map(lambda n: n * SECOND + n),
    st.sampled_from([86_400 * SECOND, 2 * 86_400 * SECOND, -86_400 * SECOND]),
)


def _envelope() -> dict[str, st.SearchStrategy[Any]]:
    return {
        "producer_id": st.sampled_from(["a", "b"]),
        "sequence": st.sampled_from([0, 1, 2, 64, 65, 2**40, 2**40 + 1]),
        "project": st.sampled_from(["p", "q"]),
        "environment": st.sampled_from(["", "production"]),
        "release": st.sampled_from(["1", "2"]),
        "service": st.just("web"),
        "name": st.sampled_from(["open", "close", "buy"]),
        "sample_rate": st.sampled_from([1.0, 1.0, 0.3, 0.5]),
        "consent": st.sampled_from(["granted", "unknown"]),
        "user": st.sampled_from([None, None, "u1", "u2"]),
        "visitor": st.sampled_from([None, "v1", "v1", "v2"]),
        "url": st.sampled_from([None, "/a", "/b"]),
    }


_SPECIFIC: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "track": {
        "type": st.sampled_from(["track", "page", "identify", "alias"]),
        "feature": st.sampled_from(["", "search", "cart"]),
        "agent": st.sampled_from(["", "helper"]),
        "failed": st.booleans(),
        "previous": st.sampled_from([None, "v2", "v3"]),
    },
    "error": {
        "level": st.sampled_from(["error", "fatal", "warning"]),
        "route": st.sampled_from(["/a", "/b"]),
        "method": st.just("GET"),
    },
    "span": {
        "operation": st.sampled_from(["request", "request", "query"]),
        "duration_seconds": st.sampled_from([0.0, 0.001, 0.25, 3.0, 0.1]),
        "status": st.sampled_from(["ok", "error"]),
        "status_code": st.sampled_from([200, 404, 500, 0]),
        "route": st.sampled_from(["/a", "/b", "/c"]),
        "method": st.sampled_from(["GET", "POST"]),
        "statement": st.just(""),
        "db_system": st.just(""),
        "trace_id": st.sampled_from([None, "", "a" * 32, "b" * 32]),
    },
    "metric": {
        "instrument": st.sampled_from(["gauge", "counter", "counter", "histogram"]),
        "temporality": st.sampled_from(["delta", "cumulative", "cumulative"]),
        "unit": st.just("1"),
        "value": st.sampled_from([0.0, 1.0, 2.5, 10.1, 7.0, 100.0]),
        "age": st.sampled_from([0, 1, 60, 3600]),
        "count": st.just(3),
        "sum": st.sampled_from([1.0, 4.2]),
        "bucket_bounds": st.just([0.1, 1.0]),
        "bucket_counts": st.sampled_from([[1, 1, 1], [0, 3, 0], [5, 6, 7]]),
        "instance": st.sampled_from([None, "i", "j"]),
        "attributes": st.sampled_from(["{}", '{"pool":"main"}']),
    },
    "log": {"level": st.sampled_from(["info", "error"]), "body": st.just("said")},
    "health": {
        "report": st.sampled_from(["session", "session", "sessions", "feedback"]),
        "session": st.sampled_from([None, "s1", "s1", "s2"]),
        "state": st.sampled_from(["ok", "exited", "errored", "crashed", "abnormal"]),
        "init": st.booleans(),
        "errors": st.sampled_from([0, 0, 1]),
        "quantity": st.sampled_from([1, 1, 5]),
        "duration_seconds": st.sampled_from([0.0, 2.5]),
    },
}


@st.composite
def rows(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    """One event; times jump forward and back, some run ahead of their receipt."""
    row = draw(st.fixed_dictionaries(_envelope() | _SPECIFIC[kind]))
    row["occurred_at"] = BASE + draw(_times)
    row["received_at"] = row["occurred_at"] + draw(st.sampled_from([0, 0, 2 * SECOND, -301 * SECOND]))
    if kind == "metric":
        row["started_at"] = row["occurred_at"] - row.pop("age") * SECOND
    return row


def events(kind: str, max_size: int = 30) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Events in offset order."""
    return st.lists(rows(kind), max_size=max_size)


def frame(kind: str, events: list[dict[str, Any]]) -> pl.DataFrame:
    """Events as a clean frame, with offsets that have holes as transactions leave them."""
    schema = {**ENVELOPE, **KINDS[kind], "_offset": pl.Int64}
    times = {name for name, dtype in schema.items() if dtype == INSTANT}
    plain = {name: pl.Int64 if name in times else dtype for name, dtype in schema.items()}
    numbered = [{**row, "_offset": 10 + 3 * n} for n, row in enumerate(events)]
    return pl.DataFrame(numbered, schema=plain).with_columns(pl.col(name).cast(INSTANT) for name in times)


def cuts(draw: st.DrawFn, size: int) -> list[int]:
    """Where a run of `size` records is cut: ascending, with both ends."""
    inner = draw(st.lists(st.integers(0, size), max_size=6))
    return [0, *sorted(inner), size]
