"""What makes a decoded record no event: fields outside the bounds that their docs state.

Each rule exists twice: as an expression over a column, and as a test of one value (the reference).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import polars as pl

from tidegate_schemas.topics import Kind

UUID = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
PRODUCER_ID = r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$"
PROJECT = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
HEX_IDS: Mapping[str, int] = {"trace_id": 32, "span_id": 16, "parent_span_id": 16}
"""Ids of traces, by their number of digits. Any other text in them becomes null."""

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Ids and numbers only, as canonical JSON: what is kept as it comes must not hold anything else.
EXEMPLARS = (
    r'^\[(?:\{"at":[0-9]{1,18},"span_id":"(?:[0-9a-f]{16})?","trace_id":"[0-9a-f]{32}",'
    r'"value":-?[0-9][0-9.e+-]{0,30}\},?){0,8}\]$'
)
MAX_DURATION_SECONDS = 31_536_000.0


@dataclass(frozen=True)
class Rule:
    """A bound of one field: `expression` over the column (null counts as broken), `holds` for one value."""

    field: str
    constraint: str
    expression: pl.Expr
    holds: Callable[[Any], bool]


def shape(field: str, pattern: str, constraint: str) -> Rule:
    """A text that matches a pattern."""
    find = re.compile(pattern.removesuffix("$") + r"\Z")
    return Rule(field, constraint, pl.col(field).str.contains(pattern), lambda value: bool(find.match(value)))


def one_of(field: str, *values: str) -> Rule:
    """One of a few texts."""
    return Rule(field, f"one of {', '.join(values)}", pl.col(field).is_in(values), lambda value: value in values)


def between(field: str, low: Any, high: Any, constraint: str) -> Rule:
    """A number or time within bounds, both inclusive; NaN isn't."""
    held = (pl.col(field) >= low) & (pl.col(field) <= high)
    if isinstance(low, float):
        held = held & ~pl.col(field).is_nan()
    return Rule(field, constraint, held, lambda value: low <= value <= high)


def finite(field: str) -> Rule:
    """A number that is neither NaN nor infinite."""
    return Rule(field, "a finite number", pl.col(field).is_finite(), math.isfinite)


ENVELOPE: Sequence[Rule] = (
    shape("event_id", UUID, "a UUID"),
    shape("producer_id", PRODUCER_ID, "1 to 128 of A-Z a-z 0-9 _ . : -"),
    shape("project", PROJECT, "1 to 64 of A-Z a-z 0-9 _ -"),
    between("sequence", 0, 2**63 - 1, "not negative"),
    Rule(
        "sample_rate",
        "in (0, 1]",
        (pl.col("sample_rate") > 0) & (pl.col("sample_rate") <= 1),
        lambda value: 0 < value <= 1,
    ),
    between("occurred_at", EARLIEST, LATEST, "from 2000 to 2100"),
    between("received_at", EARLIEST, LATEST, "from 2000 to 2100"),
    one_of("consent", "granted", "anonymous", "denied", "unknown"),
)

BOUNDS = pl.col("bucket_bounds")

OWN: Mapping[Kind, Sequence[Rule]] = {
    "track": (one_of("type", "track", "page", "screen", "identify", "group", "alias"),),
    "error": (one_of("level", "fatal", "error", "warning", "info", "debug"),),
    "span": (
        one_of("operation", "request", "query", "client", "internal"),
        between("duration_seconds", 0.0, MAX_DURATION_SECONDS, "from 0 to a year"),
        one_of("status", "ok", "error"),
        between("status_code", 0, 999, "from 0 to 999"),
    ),
    "metric": (
        one_of("instrument", "gauge", "counter", "histogram"),
        one_of("temporality", "", "delta", "cumulative"),
        finite("value"),
        finite("sum"),
        between("started_at", EPOCH, LATEST, "from 1970 to 2100"),
        between("count", 0, 2**63 - 1, "not negative"),
        Rule(
            "bucket_bounds",
            "finite and ascending",
            BOUNDS.list.eval(pl.element().is_finite()).list.all() & (BOUNDS.list.diff().list.min().fill_null(1.0) > 0),
            lambda value: all(map(math.isfinite, value)) and all(a < b for a, b in pairwise(value)),
        ),
        Rule(
            "bucket_counts",
            "not negative",
            pl.col("bucket_counts").list.min().fill_null(0) >= 0,
            lambda value: all(count >= 0 for count in value),
        ),
        shape("exemplars", EXEMPLARS, "an array of exemplars"),
    ),
    "log": (
        one_of("level", "fatal", "error", "warning", "info", "debug"),
        between("severity_number", 0, 24, "from 0 to 24"),
    ),
    "health": (
        one_of("report", "session", "sessions", "check_in", "feedback"),
        one_of("state", "", "ok", "exited", "errored", "crashed", "abnormal", "in_progress", "error"),
        between("errors", 0, 2**63 - 1, "not negative"),
        between("quantity", 0, 2**63 - 1, "not negative"),
        between("duration_seconds", 0.0, MAX_DURATION_SECONDS, "from 0 to a year"),
        Rule(
            "error_id",
            "a UUID",
            pl.col("error_id").is_null() | pl.col("error_id").str.contains(UUID),
            lambda value: value is None or re.match(UUID.removesuffix("$") + r"\Z", value) is not None,
        ),
    ),
}


def rules(kind: Kind) -> tuple[Rule, ...]:
    """Every bound of a kind's fields, in the order in which they are checked."""
    return (*ENVELOPE, *OWN[kind])


def hex_id(digits: int) -> str:
    """What an id of a trace looks like."""
    return f"^[0-9a-f]{{{digits}}}$"
