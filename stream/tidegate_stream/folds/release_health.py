"""How releases fare: sessions as their clients report them, by the ten minutes in which they began.

One row a session. A session reports its state so far, again and again, maybe hours apart and in any order; each report
only raises marks, so a row is the greatest of its reports, and so is a session of which several rows exist. What a
client counted itself (Sentry's `sessions`) has no identity and adds up. Like visitors, sessions aren't capped: the
lateness bounds how long a row is kept here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from tidegate_stream.erasure.stubs import ERASED
from tidegate_stream.folds.tumbling import DEFAULT_LATENESS_SECONDS, TumblingFold

MAX_QUANTITY = 1_000_000_000
MARKS = ("init", "errored", "crashed", "abnormal")
COUNTS = ("counted", "counted_errored", "counted_crashed", "counted_abnormal")


class ReleaseHealth(TumblingFold):
    """Marks of sessions and counts of sessions, by release and environment."""

    name: ClassVar[str] = "release_health"
    kind: ClassVar[str] = "health"
    table: ClassVar[str] = "release_health"
    size_seconds: ClassVar[int] = 600
    dimensions: ClassVar[tuple[str, ...]] = ("environment", "release", "session_or_user")
    values: ClassVar[Mapping[str, pl.DataType]] = {
        "user": pl.String(),
        **dict.fromkeys(MARKS, pl.UInt8()),
        "duration_seconds": pl.Float64(),
        **dict.fromkeys(COUNTS, pl.Int64()),
    }

    def __init__(self, lateness_seconds: float = DEFAULT_LATENESS_SECONDS) -> None:
        super().__init__(lateness_seconds)

    def lift(self, events: pl.DataFrame) -> pl.DataFrame:
        """Sessions and counts of them. One without an id (its consent is `anonymous`) is counted as it begins."""
        named = pl.col("session").fill_null("") != ""
        state = pl.col("state").fill_null("")
        own = (pl.col("report") == "session") & named
        init = pl.col("init").fill_null(value=False)
        errored = (pl.col("errors").fill_null(0) > 0) | (state == "errored")
        quantity = pl.col("quantity").fill_null(1).clip(0, MAX_QUANTITY)
        number = pl.when(own).then(0).when(pl.col("report") == "sessions").then(quantity).otherwise(init.cast(pl.Int64))
        ended = {name: state == name for name in ("crashed", "abnormal")}
        orderly = errored & ~ended["crashed"] & ~ended["abnormal"]
        theirs = pl.col("report").is_in(["session", "sessions"]) & pl.col("consent").ne_missing(ERASED)
        return events.filter(theirs).with_columns(
            pl.when(own).then(pl.col("session")).otherwise(pl.col("user")).alias("session_or_user"),
            pl.col("user").fill_null(""),
            (own & init).alias("init"),
            (own & errored).alias("errored"),
            *((own & condition).alias(name) for name, condition in ended.items()),
            pl.when(own).then(_duration()).otherwise(0.0).alias("duration_seconds"),
            number.alias("counted"),
            pl.when(orderly).then(number).otherwise(0).alias("counted_errored"),
            *(
                pl.when(condition).then(number).otherwise(0).alias(f"counted_{name}")
                for name, condition in ended.items()
            ),
        )

    def aggregates(self) -> list[pl.Expr]:
        """The greatest of marks, the sum of counts."""
        return [pl.col("user", *MARKS, "duration_seconds").max(), pl.col(*COUNTS).sum()]

    def present(self) -> list[pl.Expr]:
        """As they are."""
        return [pl.col(name) for name in self.values]


def _duration() -> pl.Expr:
    return pl.col("duration_seconds").fill_nan(0.0).fill_null(0.0)
