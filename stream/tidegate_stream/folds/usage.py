"""How often each event, feature and agent is used, and how often that fails, by quarters of an hour."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from tidegate_stream.folds.tumbling import DEFAULT_LATENESS_SECONDS, TumblingFold
from tidegate_stream.folds.weight import counted, marked, weight

MAX_KEYS = 2_000
ACTIONS = ("track", "page", "screen")


class Usage(TumblingFold):
    """Counts and failures of product events."""

    name: ClassVar[str] = "usage"
    kind: ClassVar[str] = "track"
    table: ClassVar[str] = "usage"
    size_seconds: ClassVar[int] = 900
    dimensions: ClassVar[tuple[str, ...]] = ("event", "feature", "agent")
    values: ClassVar[Mapping[str, pl.DataType]] = {"count": pl.Int64(), "failures": pl.Int64()}

    def __init__(self, lateness_seconds: float = DEFAULT_LATENESS_SECONDS, max_keys: int | None = MAX_KEYS) -> None:
        super().__init__(lateness_seconds, max_keys)

    def lift(self, events: pl.DataFrame) -> pl.DataFrame:
        """Actions and views count; identify, group and alias are no use of anything."""
        return events.filter(pl.col("type").is_in(ACTIONS)).with_columns(
            pl.col("name").alias("event"), weight().alias("count"), marked(pl.col("failed")).alias("failures")
        )

    def aggregates(self) -> list[pl.Expr]:
        """Both are counts."""
        return [pl.col("count").sum(), pl.col("failures").sum()]

    def present(self) -> list[pl.Expr]:
        """Counts as numbers of events."""
        return [counted("count"), counted("failures")]
