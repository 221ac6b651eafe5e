"""Requests by class of status, and exceptions, in windows of ten seconds.

Two folds fill one table, each from its own source topic; a row holds its part, and views add them up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from tidegate_stream.folds.tumbling import DEFAULT_LATENESS_SECONDS, TumblingFold
from tidegate_stream.folds.weight import counted, marked, weight

MAX_KEYS = 2_000
COUNTERS = ("requests", "client_errors", "server_errors", "exceptions")
EXCEPTION_LEVELS = ("error", "fatal")


class _ErrorRates(TumblingFold):
    """What both parts share."""

    name: ClassVar[str] = "error_rates"
    table: ClassVar[str] = "error_rates"
    size_seconds: ClassVar[int] = 10
    dimensions: ClassVar[tuple[str, ...]] = ("environment", "release", "service", "route", "method")
    values: ClassVar[Mapping[str, pl.DataType]] = dict.fromkeys(COUNTERS, pl.Int64())

    def __init__(self, lateness_seconds: float = DEFAULT_LATENESS_SECONDS, max_keys: int | None = MAX_KEYS) -> None:
        super().__init__(lateness_seconds, max_keys)

    def aggregates(self) -> list[pl.Expr]:
        """All of them are counts."""
        return [pl.col(name).sum() for name in COUNTERS]

    def present(self) -> list[pl.Expr]:
        """Counts as numbers of events."""
        return [counted(name) for name in COUNTERS]


class RequestRates(_ErrorRates):
    """The part that spans tell: requests, and their 4xx and 5xx answers."""

    kind: ClassVar[str] = "span"

    def lift(self, events: pl.DataFrame) -> pl.DataFrame:
        """Only spans of served requests count. One that failed without a status is a server error."""
        status = pl.col("status_code").fill_null(0)
        failed = (status == 0) & (pl.col("status") == "error")
        return events.filter(pl.col("operation") == "request").with_columns(
            weight().alias("requests"),
            marked((status >= 400) & (status < 500)).alias("client_errors"),
            marked((status >= 500) | failed).alias("server_errors"),
            pl.lit(0).alias("exceptions"),
        )


class ExceptionRates(_ErrorRates):
    """The part that errors tell: exceptions, and messages logged as errors."""

    kind: ClassVar[str] = "error"

    def lift(self, events: pl.DataFrame) -> pl.DataFrame:
        """Warnings and below are not exceptions."""
        zeros = [pl.lit(0).alias(name) for name in COUNTERS if name != "exceptions"]
        counting = events.filter(pl.col("level").is_in(EXCEPTION_LEVELS))
        return counting.with_columns(*zeros, weight().alias("exceptions"))
