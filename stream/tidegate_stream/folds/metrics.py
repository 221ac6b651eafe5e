"""Measurements in windows of ten seconds: gauges, the increase of counters, sketches of histograms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from tidegate_stream.folds import points
from tidegate_stream.folds.points import COUNT, FRACTIONS, INCREASE, POINT, SUM, amount, fraction, whole
from tidegate_stream.folds.tumbling import DEFAULT_LATENESS_SECONDS, FEW, MICROS, OTHER
from tidegate_stream.folds.weight import COUNT_SCALE
from tidegate_stream.windows import assign, closed

SIZE_SECONDS = 10
MAX_SERIES = 2_000
SERIES = ["environment", "service", "name", "instrument", "unit", "attributes"]
NO_WINDOW = -1
"""`window_start` of stream rows."""

WINDOW = ["window_start", "incarnation", "project", *SERIES]
FREE = ["environment", "service", "name", "unit", "attributes"]
"""What `(other)` stands for; the instrument says which columns mean something."""


class Metrics:
    """Gauges, counters and histograms.

    State rows are window rows (`stream` = "", one for each component of a series and window) and stream rows
    (one for each component of a cumulative series and stream, which live for a day of silence).
    """

    name = "metrics"
    kind = "metric"
    table = "metric_windows"

    def __init__(self, lateness_seconds: float = DEFAULT_LATENESS_SECONDS, max_series: int = MAX_SERIES) -> None:
        self.size, self.lateness = SIZE_SECONDS * MICROS, int(lateness_seconds * MICROS)
        self.max_series = max_series
        self.group = ["window_start", "incarnation", "project"]
        self.keys = [*WINDOW, "stream", "component"]
        self.schema: Mapping[str, pl.DataType] = {
            "window_start": pl.Int64(),
            "incarnation": pl.Int64(),
            **dict.fromkeys(["project", *SERIES, "stream"], pl.String()),
            "component": pl.Int32(),
            **dict.fromkeys(["whole", "fraction", "count"], pl.Int64()),
            **dict.fromkeys(["min", "max", "last"], pl.Float64()),
            **dict.fromkeys(["last_at", "last_offset"], pl.Int64()),
            **dict.fromkeys(["head", "assumed", "tail"], pl.Float64()),
            **dict.fromkeys(["head_window", "head_incarnation", "head_mark", "tail_mark"], pl.Int64()),
            "first_offset": pl.Int64(),
            "revision": pl.UInt32(),
        }

    def partial(self, events: pl.DataFrame, watermark: int) -> tuple[pl.DataFrame, int]:
        """See `Fold.partial`."""
        assigned, watermark = assign(events, watermark, self.size, self.lateness)
        texts = ("project", *SERIES)
        prepared = assigned.with_columns(
            *(pl.col(name).fill_null("") for name in texts),
            pl.col("_offset").alias("first_offset"),
            pl.col("late").alias("revision"),
            pl.lit("").alias("stream"),
        )
        totals = prepared.filter(pl.col("instrument") != "gauge")
        lifted = [_point_rows(prepared), *(self._totals(totals) if totals.height else [])]
        rows = pl.concat([self._conform(frame) for frame in lifted])
        return (rows if rows.height <= FEW else self.merge([rows])), watermark

    def _totals(self, prepared: pl.DataFrame) -> list[pl.DataFrame]:
        """What counters and histograms add to their windows, and their streams."""
        parts = points.components(prepared).with_columns(pl.lit(0).alias("count"))
        cumulative = pl.col("temporality") == "cumulative"
        streams = self._streams(parts.filter(cumulative))
        grown = streams.with_columns(pl.col("assumed").alias("total"), pl.lit("").alias("stream"))
        windows = pl.concat([parts.filter(~cumulative.fill_null(value=False)), grown.select(parts.columns)])
        amounts = windows.with_columns(
            whole(pl.col("total")).alias("whole"), fraction(pl.col("total")).alias("fraction")
        )
        stream_rows = streams.with_columns(pl.lit(NO_WINDOW).alias("window_start"), pl.lit(0).alias("incarnation"))
        return [amounts, stream_rows]

    def _streams(self, cumulative: pl.DataFrame) -> pl.DataFrame:
        """Each total as a stretch of its own."""
        return cumulative.with_columns(
            points.stream_of().alias("stream"),
            pl.col("total").alias("head"),
            pl.col("total").alias("tail"),
            points.first_total().alias("assumed"),
            pl.col("window_start").alias("head_window"),
            pl.col("incarnation").alias("head_incarnation"),
            pl.col("watermark").alias("head_mark"),
            pl.col("watermark").alias("tail_mark"),
            pl.col("first_offset").alias("last_offset"),
        )

    def _conform(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The state's columns; those that a row hasn't are null, amounts 0."""
        zero = {"whole", "fraction"}

        def column(name: str, dtype: pl.DataType) -> pl.Expr:
            if name not in frame.columns:
                return pl.lit(0 if name in zero else None, dtype).alias(name)
            return pl.col(name).cast(dtype)

        return frame.select(column(name, dtype) for name, dtype in self.schema.items())

    def merge(self, frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
        """See `Fold.merge`."""
        rows = pl.concat([frame.select(list(self.schema)) for frame in frames])
        stretches = rows.filter(pl.col("stream") != "")
        if stretches.is_empty():
            return self._add(rows)
        joined, corrections = self._join(stretches)
        windows = pl.concat([rows.filter(pl.col("stream") == ""), corrections])
        return pl.concat([self._add(windows), joined])

    def _join(self, stretches: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Stretches joined to one a stream, and what their heads' windows must be corrected by."""
        ordered = stretches.sort("first_offset")
        before = ordered.with_columns(
            pl.col("tail").shift(1).over(self.keys).alias("_tail"),
            pl.col("tail_mark").shift(1).over(self.keys).alias("_mark"),
        ).filter(pl.col("_tail").is_not_null() & (pl.col("head_mark") - pl.col("_mark") < points.FORGET_MICROS))
        grown = points.growth(pl.col("_tail"))
        corrections = before.with_columns(
            (whole(grown) - whole(pl.col("assumed"))).alias("whole"),
            (fraction(grown) - fraction(pl.col("assumed"))).alias("fraction"),
            pl.col("head_window").alias("window_start"),
            pl.col("head_incarnation").alias("incarnation"),
            pl.lit("").alias("stream"),
            pl.lit(0, pl.UInt32).alias("revision"),
        ).with_columns(
            pl.lit(None, pl.Float64).alias(name) for name in ("head", "assumed", "tail", "min", "max", "last")
        )
        heads = ["head", "assumed", "head_window", "head_incarnation", "head_mark"]
        joined = ordered.group_by(self.keys, maintain_order=True).agg(
            *(pl.col(name).first() for name in (*heads, "whole", "fraction", "count", "min", "max", "last", "last_at")),
            *(pl.col(name).last() for name in ("tail", "tail_mark", "last_offset")),
            pl.col("first_offset").first(),
            pl.lit(0, pl.UInt32).alias("revision"),
        )
        return joined.select(list(self.schema)), corrections.select(list(self.schema))

    def _add(self, windows: pl.DataFrame) -> pl.DataFrame:
        """Window rows, one a key."""
        latest = ("last_at", "last_offset")
        added = windows.group_by(self.keys).agg(
            *(pl.col(name).sum() for name in ("whole", "fraction", "count")),
            pl.col("min").min(),
            pl.col("max").max(),
            *(pl.col(name).sort_by(*latest, nulls_last=False).last() for name in ("last", *latest)),
            pl.col("first_offset").min(),
            pl.col("revision").sum(),
        )
        missing = {name: dtype for name, dtype in self.schema.items() if name not in added.columns}
        empty = [pl.lit(None, dtype).alias(name) for name, dtype in missing.items()]
        carry = pl.col("fraction").floordiv(FRACTIONS)
        return added.with_columns(
            *empty, (pl.col("whole") + carry).alias("whole"), (pl.col("fraction") - carry * FRACTIONS).alias("fraction")
        ).select(list(self.schema))

    def cap(self, rows: pl.DataFrame) -> pl.DataFrame:
        """See `Fold.cap`: the series of a project and window seen first keep their rows."""
        windows = rows.filter((pl.col("stream") == "") & (pl.col("component") == POINT))
        if windows.height <= self.max_series:
            return rows
        within = [*self.group, "instrument"]
        named = windows.filter(~pl.all_horizontal(pl.col(name) == OTHER for name in FREE))
        above = named.sort("first_offset", *self.keys).filter(pl.int_range(pl.len()).over(within) >= self.max_series)
        if above.is_empty():
            return rows
        spilled = rows.join(above.select(WINDOW), on=WINDOW, how="semi")
        kept = rows.join(above.select(WINDOW), on=WINDOW, how="anti")
        return self.merge([kept, spilled.with_columns(pl.lit(OTHER).alias(name) for name in FREE)])

    def expired(self, rows: pl.DataFrame, watermark: int) -> pl.Series:
        """See `Fold.expired`."""
        silent = watermark - pl.col("tail_mark") >= points.FORGET_MICROS
        window = closed(watermark, self.size, self.lateness)
        return rows.select(pl.when(pl.col("stream") == "").then(window).otherwise(silent).alias("expired"))["expired"]

    def output(self, rows: pl.DataFrame, final: pl.Series) -> pl.DataFrame:
        """See `Fold.output`."""
        windows = rows.with_columns(final.alias("final")).filter(pl.col("stream") == "")
        component = pl.col("component")

        def total(code: int) -> pl.Expr:
            return amount().filter(component == code).sum()

        sketch = component > POINT
        table = (
            windows.sort("component")
            .group_by(WINDOW, maintain_order=True)
            .agg(
                *(pl.col(name).filter(component == POINT).first() for name in ("min", "max", "last", "last_at")),
                pl.when(pl.col("instrument").first() == "histogram")
                .then(total(SUM))
                .otherwise(total(POINT))
                .alias("sum"),
                pl.col("count").filter(component == POINT).sum() / COUNT_SCALE,
                total(COUNT).alias("_histogram_count"),
                total(INCREASE).alias("increase"),
                component.filter(sketch & (amount() > 0)).alias("buckets"),
                amount().filter(sketch & (amount() > 0)).alias("bucket_counts"),
                pl.col("first_offset").min(),
                pl.col("revision").filter(component == POINT).sum(),
                pl.col("final").all().cast(pl.UInt8),
            )
        )
        histogram = pl.col("instrument") == "histogram"
        return table.with_columns(
            pl.col("window_start", "last_at").cast(pl.Datetime("us", "UTC")),
            pl.when(histogram).then("_histogram_count").otherwise("count").alias("count"),
        ).drop("incarnation", "_histogram_count")


def _point_rows(prepared: pl.DataFrame) -> pl.DataFrame:
    """Each point's own row: extremes, last value, weighted sum. A histogram's value is its mean."""
    mean = pl.when(pl.col("count") > 0).then(pl.col("sum") / pl.col("count")).otherwise(0.0)
    value = pl.when(pl.col("instrument") == "histogram").then(mean).otherwise(pl.col("value")).fill_null(0.0)
    weighted = value * points.rate_weight()
    return prepared.with_columns(
        pl.lit(POINT, pl.Int32).alias("component"),
        whole(weighted).alias("whole"),
        fraction(weighted).alias("fraction"),
        points.count_micros().alias("count"),
        *(value.alias(name) for name in ("min", "max", "last")),
        pl.col("occurred_at").cast(pl.Int64).alias("last_at"),
        pl.col("_offset").alias("last_offset"),
    )
