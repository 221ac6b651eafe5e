"""Who was active in each quarter of an hour.

Persons are resolved when queried, and a day of any time zone is a range of rows. Visitors aren't capped: each
is a number someone asks for. Events without a visitor (anonymous consent) are in `usage`, not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from tidegate_stream.folds.tumbling import DEFAULT_LATENESS_SECONDS, TumblingFold
from tidegate_stream.folds.weight import counted, weight

MAX_FEATURES = 64
"""A row names at most this many features, the first in alphabetical order: the same ones in any merge order."""


class Activity(TumblingFold):
    """Events and features by visitor and user."""

    name: ClassVar[str] = "activity"
    kind: ClassVar[str] = "track"
    table: ClassVar[str] = "activity"
    size_seconds: ClassVar[int] = 900
    dimensions: ClassVar[tuple[str, ...]] = ("visitor", "user")
    values: ClassVar[Mapping[str, pl.DataType]] = {
        "events": pl.Int64(),
        "features": pl.List(pl.String()),
        "cookieless": pl.UInt8(),
    }

    def __init__(self, lateness_seconds: float = DEFAULT_LATENESS_SECONDS) -> None:
        super().__init__(lateness_seconds)

    def lift(self, events: pl.DataFrame) -> pl.DataFrame:
        """Anything that a visitor did, but for the bookkeeping of ids."""
        known = pl.col("visitor").is_not_null() & (pl.col("visitor") != "") & (pl.col("type") != "alias")
        return events.filter(known).with_columns(
            weight().alias("events"),
            feature_list().alias("features"),
            (pl.col("consent") == "anonymous").fill_null(value=False).alias("cookieless"),
        )

    def aggregates(self) -> list[pl.Expr]:
        """Sums, and the union of the features."""
        return [pl.col("events").sum(), feature_union(), pl.col("cookieless").max()]

    def present(self) -> list[pl.Expr]:
        """Counts as numbers of events."""
        return [counted("events"), pl.col("features"), pl.col("cookieless")]


def feature_list() -> pl.Expr:
    """An event's feature as a list of none or one."""
    named = pl.col("feature").is_not_null() & (pl.col("feature") != "")
    return pl.when(named).then(pl.concat_list("feature")).otherwise(pl.lit([], pl.List(pl.String)))


def feature_union() -> pl.Expr:
    """Which features several rows name: sorted, at most `MAX_FEATURES`."""
    return pl.col("features").explode().drop_nulls().unique().sort().head(MAX_FEATURES)
