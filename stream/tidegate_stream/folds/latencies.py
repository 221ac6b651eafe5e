"""How long operations take, in windows of ten seconds: count, sum, extremes, a sketch, and a trace to look at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import polars as pl

from tidegate_stream.erasure import SUBJECTS
from tidegate_stream.folds.sketch import BUCKETS, COUNTS, bucket, merge_sketches
from tidegate_stream.folds.tumbling import DEFAULT_LATENESS_SECONDS, TumblingFold, common_aggregates
from tidegate_stream.folds.weight import COUNT_SCALE, MAX_SECONDS, SECONDS_SCALE, counted, seconds_sum, weight

MAX_KEYS = 2_000


class Latencies(TumblingFold):
    """Durations of spans by endpoint or statement."""

    name: ClassVar[str] = "latencies"
    kind: ClassVar[str] = "span"
    table: ClassVar[str] = "latencies"
    size_seconds: ClassVar[int] = 10
    dimensions: ClassVar[tuple[str, ...]] = (
        "environment",
        "release",
        "service",
        "route",
        "method",
        "operation",
        "statement",
        "db_system",
    )
    cap_within: ClassVar[tuple[str, ...]] = ("operation",)
    values: ClassVar[Mapping[str, pl.DataType]] = {
        "count": pl.Int64(),
        "sum_scaled": pl.Int64(),
        "min_seconds": pl.Float64(),
        "max_seconds": pl.Float64(),
        "buckets": BUCKETS,
        "bucket_counts": COUNTS,
        "exemplar_seconds": pl.Float64(),
        "exemplar_trace_id": pl.String(),
    }

    def __init__(self, lateness_seconds: float = DEFAULT_LATENESS_SECONDS, max_keys: int | None = MAX_KEYS) -> None:
        super().__init__(lateness_seconds, max_keys)

    def lift(self, events: pl.DataFrame) -> pl.DataFrame:
        """A span's own row: a sketch of one bucket, and itself as exemplar if it has a trace and is nobody's.

        A row outlives its spans: a person's trace would stay in it after an erasure.
        """
        nobodys = pl.all_horizontal(pl.col(name).fill_null("") == "" for name in SUBJECTS if name in events.columns)
        named = nobodys & (pl.col("trace_id").fill_null("") != "")
        seconds = pl.col("duration_seconds").fill_nan(0.0).fill_null(0.0).clip(0.0, MAX_SECONDS)
        return events.with_columns(
            weight().alias("count"),
            seconds_sum().alias("sum_scaled"),
            seconds.alias("min_seconds"),
            seconds.alias("max_seconds"),
            pl.concat_list(bucket(seconds)).alias("buckets"),
            pl.concat_list(weight()).alias("bucket_counts"),
            pl.when(named).then(seconds).otherwise(0.0).alias("exemplar_seconds"),
            pl.when(named).then("trace_id").otherwise(pl.lit("")).alias("exemplar_trace_id"),
        )

    def aggregates(self) -> list[pl.Expr]:
        """Everything but the sketch. Of traces that took as long, the last by name: a maximum, whatever the order."""
        sums = [pl.col("count").sum(), pl.col("sum_scaled").sum()]
        slowest = pl.col("exemplar_trace_id").sort_by("exemplar_seconds", "exemplar_trace_id").last()
        extremes = [pl.col("min_seconds").min(), pl.col("max_seconds").max(), pl.col("exemplar_seconds").max()]
        return [*sums, *extremes, slowest]

    def reduce(self, rows: pl.DataFrame) -> pl.DataFrame:
        """One row a key, sketches added up."""
        scalars = rows.group_by(self.keys).agg(*self.aggregates(), *common_aggregates())
        return scalars.join(merge_sketches(rows, self.keys), on=self.keys, how="left")

    def present(self) -> list[pl.Expr]:
        """Counts as numbers of events, times in seconds."""
        return [
            counted("count"),
            (pl.col("sum_scaled") / SECONDS_SCALE).alias("sum_seconds"),
            pl.col("min_seconds"),
            pl.col("max_seconds"),
            pl.col("buckets"),
            (pl.col("bucket_counts").cast(pl.List(pl.Float64)) / COUNT_SCALE).alias("bucket_counts"),
            pl.col("exemplar_seconds"),
            pl.col("exemplar_trace_id"),
        ]
