"""Which users a visitor has been: links that let yesterday's anonymous visits join today's user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from tidegate_stream.folds.tumbling import DEFAULT_LATENESS_SECONDS, TumblingFold


class Identities(TumblingFold):
    """Links between visitor and user, one row a link and day of UTC, so that the state can forget old ones."""

    name: ClassVar[str] = "identities"
    kind: ClassVar[str] = "track"
    table: ClassVar[str] = "identities"
    size_seconds: ClassVar[int] = 86_400
    dimensions: ClassVar[tuple[str, ...]] = ("visitor", "user")
    values: ClassVar[Mapping[str, pl.DataType]] = {"first_seen": pl.Int64()}

    def __init__(self, lateness_seconds: float = DEFAULT_LATENESS_SECONDS) -> None:
        super().__init__(lateness_seconds)

    def lift(self, events: pl.DataFrame) -> pl.DataFrame:
        """Every event with both links them; an alias links its previous id too. No one is linked to themselves."""
        seen = events.with_columns(pl.col("occurred_at").cast(pl.Int64).alias("first_seen"))
        aliases = seen.filter(pl.col("type") == "alias").with_columns(pl.col("previous").alias("visitor"))
        linked = pl.all_horizontal(
            pl.col("visitor").fill_null("") != "",
            pl.col("user").fill_null("") != "",
            pl.col("visitor") != pl.col("user"),
        )
        return pl.concat([seen, aliases]).filter(linked)

    def aggregates(self) -> list[pl.Expr]:
        """The earliest."""
        return [pl.col("first_seen").min()]

    def present(self) -> list[pl.Expr]:
        """When the link was first seen on that day."""
        return [pl.col("first_seen").cast(pl.Datetime("us", "UTC"))]

    def output(self, rows: pl.DataFrame, final: pl.Series) -> pl.DataFrame:
        """Links have no window for those who query."""
        return super().output(rows, final).drop("window_start")
