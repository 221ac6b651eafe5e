"""The common body of folds over tumbling windows: lift each event to a row, then add rows up by key."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import polars as pl

from tidegate_stream.windows import assign, closed

OTHER = "(other)"
DEFAULT_LATENESS_SECONDS = 3600
MICROS = 1_000_000
OCCURRED = "occurred_at"

#: So many rows or fewer wait for the flush, which merges them all at once, as they are.
FEW = 2_000

COMMON: Mapping[str, pl.DataType] = {
    "first_offset": pl.Int64(),
    "revision": pl.UInt32(),
}


class TumblingFold(ABC):
    """A fold whose state rows are keyed by window, incarnation, project and dimensions.

    Subclasses say what an event's own row is (`lift`) and how two rows of a key become one (`aggregates`).
    `max_keys` caps the combinations of `dimensions` for each window, project and value of `cap_within`: those
    seen first, by offset, keep their rows; the rest share one in which each other dimension is `(other)`.
    Whether a key was seen early enough depends on offsets alone, and so on no cut.
    """

    name: ClassVar[str]
    kind: ClassVar[str]
    table: ClassVar[str]
    size_seconds: ClassVar[int]
    dimensions: ClassVar[tuple[str, ...]]
    values: ClassVar[Mapping[str, pl.DataType]]
    cap_within: ClassVar[tuple[str, ...]] = ()
    time: ClassVar[str] = OCCURRED
    """Which of an event's times decides its window."""

    def __init__(self, lateness_seconds: float = DEFAULT_LATENESS_SECONDS, max_keys: int | None = None) -> None:
        self.size = self.size_seconds * MICROS
        self.lateness = int(lateness_seconds * MICROS)
        self.max_keys = max_keys
        self.keys = ["window_start", "incarnation", "project", *self.dimensions]
        within = ["window_start", "incarnation", "project", *self.cap_within]
        self.group = self.keys if max_keys is None else within
        texts: dict[str, pl.DataType] = dict.fromkeys(["project", *self.dimensions], pl.String())
        numbers: dict[str, pl.DataType] = {"window_start": pl.Int64(), "incarnation": pl.Int64()}
        self.schema: Mapping[str, pl.DataType] = {**numbers, **texts, **self.values, **COMMON}

    @abstractmethod
    def lift(self, events: pl.DataFrame) -> pl.DataFrame:
        """One row for each event that counts: project, dimensions and values. Keeps all other columns."""

    @abstractmethod
    def aggregates(self) -> list[pl.Expr]:
        """How the values of several rows become those of one."""

    @abstractmethod
    def present(self) -> list[pl.Expr]:
        """The table's own columns from a state row's values."""

    def partial(self, events: pl.DataFrame, watermark: int) -> tuple[pl.DataFrame, int]:
        """See `Fold.partial`."""
        timed = events if self.time == OCCURRED else events.with_columns(pl.col(self.time).alias(OCCURRED))
        assigned, watermark = assign(timed, watermark, self.size, self.lateness)
        lifted = self.lift(assigned).with_columns(
            pl.col("_offset").alias("first_offset"),
            pl.col("late").alias("revision"),
            *(pl.col(name).fill_null("") for name in ("project", *self.dimensions)),
        )
        rows = lifted.select(pl.col(name).cast(dtype) for name, dtype in self.schema.items())
        return (rows if rows.height <= FEW else self.merge([rows])), watermark

    def merge(self, frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
        """See `Fold.merge`."""
        rows = pl.concat([frame.select(list(self.schema)) for frame in frames])
        return self.reduce(rows).select(list(self.schema))

    def reduce(self, rows: pl.DataFrame) -> pl.DataFrame:
        """One row a key."""
        return rows.group_by(self.keys).agg(*self.aggregates(), *common_aggregates())

    def cap(self, rows: pl.DataFrame) -> pl.DataFrame:
        """See `Fold.cap`."""
        if self.max_keys is None or rows.height <= self.max_keys:
            return rows
        free = [name for name in self.dimensions if name not in self.cap_within]
        is_other = pl.all_horizontal(pl.col(name) == OTHER for name in free)
        rank = pl.when(~is_other).then(pl.col("first_offset")).rank("ordinal").over(self.group)
        ranked = rows.sort("first_offset", *self.keys).with_columns(rank.alias("_rank"))
        above = pl.col("_rank") > self.max_keys
        if not ranked.select(above.any()).item():
            return rows
        folded = [pl.when(above).then(pl.lit(OTHER)).otherwise(pl.col(name)).alias(name) for name in free]
        return self.merge([ranked.with_columns(folded)])

    def expired(self, rows: pl.DataFrame, watermark: int) -> pl.Series:
        """See `Fold.expired`."""
        return rows.select(closed(watermark, self.size, self.lateness).alias("expired"))["expired"]

    def output(self, rows: pl.DataFrame, final: pl.Series) -> pl.DataFrame:
        """See `Fold.output`."""
        return rows.with_columns(final.cast(pl.UInt8).alias("final")).select(
            pl.col("window_start").cast(pl.Datetime("us", "UTC")),
            "project",
            *self.dimensions,
            *self.present(),
            "first_offset",
            "revision",
            "final",
        )


def common_aggregates() -> list[pl.Expr]:
    """How the columns that every state row has add up."""
    return [pl.col("first_offset").min(), pl.col("revision").sum()]
