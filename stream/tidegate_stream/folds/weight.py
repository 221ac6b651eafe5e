"""Exact sums. Floating-point addition depends on its order, so state rows add integers.

Counts are kept in 2^-24 (an event kept at a rate of 0.3 counts 3.3333333), durations in 2^-30 s, about a nanosecond.
Powers of two, because polars divides a long column by a constant through its reciprocal and a short one truly:
3.333333 came out in two ways, by the length of the frame. Nothing here divides by another constant.
"""

from __future__ import annotations

import polars as pl

COUNT_SCALE = 1 << 24
SECONDS_SCALE = 1 << 30
MAX_WEIGHT = 1e6
MAX_SECONDS = 1e6


def weight() -> pl.Expr:
    """How many events each one stands for, in 2^-24 (Int64): 1/sample_rate, at most `MAX_WEIGHT`."""
    rate = pl.col("sample_rate").fill_null(1.0).clip(1 / MAX_WEIGHT, 1.0)
    return (COUNT_SCALE / rate).round().cast(pl.Int64)


def seconds_sum() -> pl.Expr:
    """Weighted duration in 2^-30 s (Int64); a duration counts for at most `MAX_SECONDS`."""
    seconds = pl.col("duration_seconds").fill_nan(0.0).fill_null(0.0).clip(0.0, MAX_SECONDS)
    rate = pl.col("sample_rate").fill_null(1.0).clip(1 / MAX_WEIGHT, 1.0)
    return (seconds / rate * SECONDS_SCALE).clip(0.0, 9e15).round().cast(pl.Int64)


def counted(column: str) -> pl.Expr:
    """A count as a number of events (Float64)."""
    return (pl.col(column) / COUNT_SCALE).alias(column)


def marked(condition: pl.Expr) -> pl.Expr:
    """The weight where a condition holds, else 0; an unknown condition doesn't hold."""
    return pl.when(condition.fill_null(value=False)).then(weight()).otherwise(0)
