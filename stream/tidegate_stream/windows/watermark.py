"""How far time has got on a partition, told by its own records."""

from __future__ import annotations

import polars as pl

AHEAD_MICROS = 5 * 60 * 1_000_000
"""An event that claims to happen more than this after its receipt doesn't move the watermark."""

NO_WATERMARK = 0
"""The watermark before the first record: 1970, so that nothing is late."""


def running_watermark(start: int) -> pl.Expr:
    """The watermark at each record, its own time included, in µs since the epoch (Int64, never null).

    Needs `occurred_at` and `received_at` as Datetime("us", "UTC"), in offset order. `start` is the watermark
    after the record before the first one. The result never falls.
    """
    occurred = pl.col("occurred_at").cast(pl.Int64)
    received = pl.col("received_at").cast(pl.Int64)
    believable = occurred <= received + AHEAD_MICROS
    moves = pl.when(believable).then(occurred).otherwise(pl.lit(start, pl.Int64)).fill_null(start)
    return pl.max_horizontal(moves.cum_max(), pl.lit(start, pl.Int64))
