"""A quantile sketch of logarithmic buckets (as DDSketch), with a relative error of at most 1 %.

Bucket `i` holds values in `(GAMMA^(i-1), GAMMA^i]` and answers `2·GAMMA^i/(GAMMA+1)`. Sketches merge by adding
buckets, exactly, in any order; a query merges any rows of the small tables and reads any quantile from them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import polars as pl

ACCURACY = 0.01
GAMMA = (1 + ACCURACY) / (1 - ACCURACY)
FLOOR = 1e-9
"""Smaller values (seconds: a nanosecond) count as this one: 0 has no logarithm."""
CEILING = 1e18

PER_LOG = 1 / math.log(GAMMA)
"""Multiplied with, not divided by: see `weight.py`."""

BUCKETS = pl.List(pl.Int32())
COUNTS = pl.List(pl.Int64())


def bucket(value: pl.Expr) -> pl.Expr:
    """Bucket of each value (Int32). Not a number counts as `FLOOR`."""
    bounded = value.fill_nan(FLOOR).fill_null(FLOOR).clip(FLOOR, CEILING)
    return (bounded.log() * PER_LOG).ceil().cast(pl.Int32)


def bucket_of(value: float) -> int:
    """Bucket of one value: the reference for `bucket`."""
    bounded = FLOOR if math.isnan(value) else min(max(value, FLOOR), CEILING)
    return math.ceil(math.log(bounded) * PER_LOG)


def estimate(index: int) -> float:
    """The value that a bucket stands for: at most 1 % away from everything in it."""
    return float(2 * GAMMA**index / (GAMMA + 1))


def merge_sketches(rows: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """One row a key with `buckets` (ascending) and `bucket_counts`, added up. Rows without buckets are left out."""
    pairs = rows.select(*keys, "buckets", "bucket_counts").explode("buckets", "bucket_counts").drop_nulls("buckets")
    summed = pairs.group_by(*keys, "buckets").agg(pl.col("bucket_counts").sum())
    return summed.sort("buckets").group_by(keys, maintain_order=True).agg("buckets", "bucket_counts")


def quantile(buckets: Sequence[int], counts: Sequence[float], q: float) -> float:
    """The `q`-quantile (0 ≤ q ≤ 1) of a sketch: the reference for the SQL. Not a number if it is empty."""
    total = math.fsum(counts)
    if total <= 0:
        return math.nan
    pairs: Mapping[int, float] = dict(zip(buckets, counts, strict=True))
    seen = 0.0
    for index in sorted(pairs):
        seen += pairs[index]
        if seen >= q * total:
            return estimate(index)
    return estimate(max(pairs))
