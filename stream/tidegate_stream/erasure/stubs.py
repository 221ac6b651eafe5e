"""What an event is read as once its person has had it erased.

A stub keeps that something happened, when, and what kind of thing: what counts without persons are made of, and what
time passes by. Everything else is empty, so that a new field is forgotten unless it is named here. With stubs, counts
that hold nobody stay as they are, and a rebuild from the archive finds what the folds found.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from tidegate_schemas.topics import Kind

ERASED = "erased"
"""What a stub says for `consent`."""
NO_ID = "00000000-0000-0000-0000-000000000000"
"""What a stub says for `event_id`."""

_ENVELOPE = frozenset(
    {
        "producer_id",
        "sequence",
        "project",
        "environment",
        "release",
        "service",
        "name",
        "occurred_at",
        "received_at",
        "sample_rate",
        "source_offset",
    }
)
_OWN: Mapping[Kind, frozenset[str]] = {
    "track": frozenset({"type", "feature", "agent", "failed"}),
    "error": frozenset({"level", "route", "method"}),
    "span": frozenset(
        {"operation", "status", "status_code", "duration_seconds", "route", "method", "statement", "db_system"}
    ),
    "metric": frozenset(
        {
            "instrument",
            "temporality",
            "unit",
            "started_at",
            "value",
            "count",
            "sum",
            "bucket_bounds",
            "bucket_counts",
            "instance",
            "attributes",
        }
    ),
    "log": frozenset({"level", "severity_number"}),
    "health": frozenset({"report"}),
}


def kept_columns(kind: Kind) -> frozenset[str]:
    """Clean columns of which a stub keeps the value."""
    return _ENVELOPE | _OWN[kind]


def stubbed(events: pl.DataFrame, kind: Kind, which: pl.Series) -> pl.DataFrame:
    """The events with those marked in `which` as stubs."""
    kept = kept_columns(kind) | {"_offset", "_index", "consent", "event_id"}
    emptied = [pl.when(~which).then(pl.col(name)).alias(name) for name in events.columns if name not in kept]
    consent = pl.when(which).then(pl.lit(ERASED)).otherwise(pl.col("consent")).alias("consent")
    no_id = pl.when(which).then(pl.lit(NO_ID)).otherwise(pl.col("event_id")).alias("event_id")
    return events.with_columns(consent, no_id, *emptied)
