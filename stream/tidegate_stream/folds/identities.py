"""Which users a visitor has been, and what ids were called in earlier epochs: links by which visits join a person."""

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
    values: ClassVar[Mapping[str, pl.DataType]] = {"first_seen": pl.Int64(), "rotated": pl.UInt8()}

    def __init__(self, lateness_seconds: float = DEFAULT_LATENESS_SECONDS) -> None:
        super().__init__(lateness_seconds)

    def lift(self, events: pl.DataFrame) -> pl.DataFrame:
        """Every event with both links them; an alias links its previous id too. No one is linked to themselves.

        What an id was called before its key changed is linked to what it is called now (`rotated`).
        """
        seen = events.with_columns(
            pl.col("occurred_at").cast(pl.Int64).alias("first_seen"), pl.lit(0, pl.UInt8).alias("rotated")
        )
        told = seen.filter(pl.col("previous").fill_null("") != "")
        aliases = told.filter(pl.col("type") == "alias").with_columns(pl.col("previous").alias("visitor"))
        renamed = self._renamed(told.filter(pl.col("type") != "alias"))
        linked = pl.all_horizontal(
            pl.col("visitor").fill_null("") != "",
            pl.col("user").fill_null("") != "",
            pl.col("visitor") != pl.col("user"),
        )
        return pl.concat([seen, aliases, renamed]).filter(linked)

    def _renamed(self, events: pl.DataFrame) -> pl.DataFrame:
        """From the former name to today's of the same id: `gate.columns.renamed_id` says which one."""
        user = pl.when((pl.col("type") != "identify") & (pl.col("user").fill_null("") != "")).then(pl.col("user"))
        return events.with_columns(
            pl.col("previous").alias("visitor"),
            pl.coalesce(user, "visitor").alias("user"),
            pl.lit(1, pl.UInt8).alias("rotated"),
        )

    def aggregates(self) -> list[pl.Expr]:
        """The earliest."""
        return [pl.col("first_seen").min(), pl.col("rotated").max()]

    def present(self) -> list[pl.Expr]:
        """When the link was first seen on that day."""
        return [pl.col("first_seen").cast(pl.Datetime("us", "UTC")), pl.col("rotated").fill_null(0)]

    def output(self, rows: pl.DataFrame, final: pl.Series) -> pl.DataFrame:
        """Links have no window for those who query."""
        return super().output(rows, final).drop("window_start")
