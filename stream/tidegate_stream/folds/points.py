"""Metric points as rows that add up: exact sums, and counters that only ever report their total.

A cumulative counter counts by its growth since the point before it, which may lie in another chunk. So a
stream row holds the first (`head`) and last (`tail`) total of a stretch of records. Where two stretches meet,
the head's growth is known at last: its window gets the difference to what was assumed. The window rows come
out the same however the records were cut.
"""

from __future__ import annotations

import math

import polars as pl

from tidegate_stream.folds.sketch import GAMMA, bucket
from tidegate_stream.folds.weight import COUNT_SCALE, MAX_WEIGHT

FRACTIONS = 1 << 30
MAX_VALUE = 1e15
"""Larger amounts are added as this one; extremes and last values are as sent."""

POINT, INCREASE, COUNT, SUM = -2_000_000_000, -2_000_000_001, -2_000_000_002, -2_000_000_003
"""Components of a window row other than the buckets of its sketch, which have their own number."""

DAY_MICROS = 86_400_000_000
FRESH_MICROS = 600_000_000
"""The first total of a stream counts if the stream is known to have begun at most this long before."""

FORGET_MICROS = DAY_MICROS
"""A stream that was silent for this long, by the watermark, begins anew."""


def rate_weight() -> pl.Expr:
    """How many points each one stands for (Float64)."""
    return 1.0 / pl.col("sample_rate").fill_null(1.0).clip(1 / MAX_WEIGHT, 1.0)


def whole(amount: pl.Expr) -> pl.Expr:
    """The whole part of an amount (Int64), rounded down."""
    return amount.fill_nan(0.0).clip(-MAX_VALUE, MAX_VALUE).floor().cast(pl.Int64)


def fraction(amount: pl.Expr) -> pl.Expr:
    """The rest of an amount in 2^-30 (Int64)."""
    bounded = amount.fill_nan(0.0).clip(-MAX_VALUE, MAX_VALUE)
    return ((bounded - bounded.floor()) * FRACTIONS).round().cast(pl.Int64)


def amount() -> pl.Expr:
    """The amount that `whole` and `fraction` hold (Float64)."""
    return pl.col("whole").cast(pl.Float64) + pl.col("fraction") / FRACTIONS


def components(points: pl.DataFrame) -> pl.DataFrame:
    """One row for each amount of counters and histograms: `component` and `total`, weighted by the sample rate.

    A histogram has its count, its sum and its buckets; each bucket goes whole to the sketch's bucket of its
    middle (geometric where both bounds are positive), so quantiles are as coarse as the sender's bounds.
    """
    counters = points.filter(pl.col("instrument") == "counter").with_columns(
        pl.lit(INCREASE, pl.Int32).alias("component"), pl.col("value").fill_null(0.0).alias("total")
    )
    histograms = points.filter(pl.col("instrument") == "histogram")
    scalars = [
        histograms.with_columns(pl.lit(code, pl.Int32).alias("component"), value.cast(pl.Float64).alias("total"))
        for code, value in ((COUNT, pl.col("count").fill_null(0)), (SUM, pl.col("sum").fill_null(0.0)))
    ]
    parts = [counters, *scalars, _buckets(histograms)]
    columns = [name for name in counters.columns if name not in ("bucket_bounds", "bucket_counts")]
    return pl.concat([part.select(columns) for part in parts]).with_columns(
        (pl.col("total") * rate_weight()).alias("total")
    )


def _buckets(histograms: pl.DataFrame) -> pl.DataFrame:
    """One row for each log bucket of each histogram that isn't empty."""
    shaped = histograms.filter(pl.col("bucket_counts").list.len() == pl.col("bucket_bounds").list.len() + 1)
    unbounded = pl.lit([math.nan], pl.List(pl.Float64))
    each = shaped.with_columns(
        pl.concat_list(unbounded, "bucket_bounds").alias("low"),
        pl.concat_list("bucket_bounds", unbounded).alias("high"),
        pl.col("bucket_counts").alias("total"),
    ).explode("low", "high", "total")
    low, high = pl.col("low").fill_nan(None).clip(0.0), pl.col("high").fill_nan(None).clip(0.0)
    middle = (
        pl.when(high.is_null()).then(low * GAMMA).when(low > 0).then((low * high).sqrt()).otherwise(high * 0.5)
    ).fill_null(0.0)
    mapped = each.with_columns(bucket(middle).alias("component"), pl.col("total").cast(pl.Float64).fill_null(0.0))
    return mapped.drop("low", "high")


def first_total() -> pl.Expr:
    """What the first point of a stream adds: its total if the stream began just before, else nothing.

    Where the start is unknown (equal to the point's own time, or 0) the total may be any age.
    """
    age = pl.col("occurred_at").cast(pl.Int64) - pl.col("started_at").cast(pl.Int64)
    known = (pl.col("started_at").cast(pl.Int64) > 0) & (age > 0)
    return pl.when(known & (age <= FRESH_MICROS)).then(pl.col("total")).otherwise(0.0)


def stream_of() -> pl.Expr:
    """Which stream of totals a point belongs to: its instance's, since its start where that is known.

    The producer stands in for an instance that isn't said. It is no substitute where a gateway is the producer: the
    points of one instance go through several, and through a new one after each restart.
    """
    started, occurred = pl.col("started_at").cast(pl.Int64), pl.col("occurred_at").cast(pl.Int64)
    known = (started > 0) & (started < occurred)
    start = pl.when(known).then(started.cast(pl.String)).otherwise(pl.lit("?"))
    return pl.concat_str(pl.coalesce("instance", "producer_id").fill_null(""), start, separator="|").fill_null("?")


def growth(previous_tail: pl.Expr) -> pl.Expr:
    """What a stream's head adds after `previous_tail`.

    A stream with a known start can't be reset (a reset has another start), so a smaller total is an older
    point that came late, and the differences add up. Without one, a smaller total is a reset: all of it counts.
    """
    known = ~pl.col("stream").str.ends_with("|?")
    difference = pl.col("head") - previous_tail
    return pl.when(known | (difference >= 0)).then(difference).otherwise(pl.col("head"))


def count_micros() -> pl.Expr:
    """A point's weight in 2^-24."""
    return (rate_weight() * COUNT_SCALE).round().cast(pl.Int64)
