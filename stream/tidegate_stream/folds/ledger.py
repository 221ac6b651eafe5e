"""Which numbers of each producer are stored, by minutes of receipt: what the ledger holds against all numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from tidegate_stream.folds.tumbling import DEFAULT_LATENESS_SECONDS, TumblingFold

WORD_NUMBERS = 64
"""Numbers that one row holds, a bit each: word 0 is 1 to 64."""
UNNUMBERED = -1
"""Word of the events whose producer doesn't number."""
MAX_SEQUENCE = 1 << 40
"""No producer comes so far by ones; a greater number is none."""

_BITS = pl.Series([1 << place for place in range(WORD_NUMBERS)], dtype=pl.UInt64)


class Ledger(TumblingFold):
    """Events of one kind by producer, minute of receipt, and 64 numbers at a time.

    One producer's numbers are spread over kinds and partitions. Sets of them add up by `or`, whatever the order and
    however often they come, so the number of those that nobody has is right.
    """

    name: ClassVar[str] = "ledger"
    kind: ClassVar[str] = "track"
    table: ClassVar[str] = "ledger"
    size_seconds: ClassVar[int] = 60
    time: ClassVar[str] = "received_at"
    dimensions: ClassVar[tuple[str, ...]] = ("producer_id",)
    values: ClassVar[Mapping[str, pl.DataType]] = {"bits": pl.UInt64(), "stored": pl.Int64()}

    def __init__(self, lateness_seconds: float = DEFAULT_LATENESS_SECONDS) -> None:
        super().__init__(lateness_seconds)
        self.keys.append("word")
        self.schema = {**self.schema, "word": pl.Int64()}

    def lift(self, events: pl.DataFrame) -> pl.DataFrame:
        """An event's own row: one bit, or none."""
        place = pl.col("sequence").fill_null(0) - 1
        numbered = place.is_between(0, MAX_SEQUENCE - 1)
        within = pl.when(numbered).then(place % WORD_NUMBERS).otherwise(0).cast(pl.UInt32)
        return events.with_columns(
            pl.when(numbered).then(place.floordiv(WORD_NUMBERS)).otherwise(UNNUMBERED).alias("word"),
            pl.when(numbered).then(pl.lit(_BITS).gather(within)).otherwise(pl.lit(0, pl.UInt64)).alias("bits"),
            pl.lit(1, pl.Int64).alias("stored"),
        )

    def aggregates(self) -> list[pl.Expr]:
        """A set and a count."""
        return [pl.col("bits").bitwise_or(), pl.col("stored").sum()]

    def present(self) -> list[pl.Expr]:
        """As they are."""
        return [pl.col("word"), pl.col("bits"), pl.col("stored")]


class ErrorLedger(Ledger):
    """The same of errors."""

    kind: ClassVar[str] = "error"


class SpanLedger(Ledger):
    """The same of spans."""

    kind: ClassVar[str] = "span"


class MetricLedger(Ledger):
    """The same of points of metrics."""

    kind: ClassVar[str] = "metric"
