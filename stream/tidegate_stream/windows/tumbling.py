"""Tumbling windows whose rows depend on the records alone, never on how chunks were cut.

A record is *late* when the watermark had passed its window's end, and *too late* when it had passed it by
`lateness` or more. On-time and late records of a window share one row: incarnation 0. By then the row of a
too-late record may be forgotten, and a new row under the old key would replace a count of 10,000 by 1. So
too-late records go to another incarnation, numbered by the stretch of watermark (`lateness` long) in which
they came: all of a backfill's records for one window share few rows, and each row has an end after which no
record can change it.
"""

from __future__ import annotations

import polars as pl

from tidegate_stream.windows.watermark import running_watermark

MIN_STRETCH_MICROS = 60_000_000
"""Incarnations are at least this long, so that a lateness of zero is possible."""


def assign(events: pl.DataFrame, watermark: int, size: int, lateness: int) -> tuple[pl.DataFrame, int]:
    """Add each event's window, and say how far the watermark got. All times in µs.

    `events` has `occurred_at` and `received_at`, in offset order; `watermark` is the one before its first row.
    Adds `window_start` (Int64, inclusive; the window ends before `window_start + size`), `incarnation` (Int64,
    0 unless too late), `late` (UInt32, 1 if the window had closed) and `watermark` (Int64, the one at that
    record). Returns the events in the same order.
    """
    if events.is_empty():
        empty = {"watermark": pl.Int64, "window_start": pl.Int64, "incarnation": pl.Int64, "late": pl.UInt32}
        return events.with_columns(pl.lit(None, dtype).alias(name) for name, dtype in empty.items()), watermark
    assigned = (
        events.with_columns(
            running_watermark(watermark).alias("watermark"),
            (pl.col("occurred_at").cast(pl.Int64).floordiv(size) * size).alias("window_start"),
        )
        .with_columns((pl.col("window_start") + size).alias("_end"))
        .with_columns(
            incarnation(pl.col("_end") <= pl.col("watermark") - lateness, lateness).alias("incarnation"),
            (pl.col("_end") <= pl.col("watermark")).cast(pl.UInt32).alias("late"),
        )
    )
    return assigned.drop("_end"), int(assigned["watermark"][-1])


def incarnation(too_late: pl.Expr, lateness: int) -> pl.Expr:
    """0 for a record in time, else the number (from 1) of its stretch of watermark; needs `watermark`."""
    return pl.when(too_late).then(pl.col("watermark").floordiv(stretch(lateness)) + 1).otherwise(0)


def stretch(lateness: int) -> int:
    """Length of one incarnation of too-late records, in µs of watermark."""
    return max(lateness, MIN_STRETCH_MICROS)


def closed(watermark: int, size: int, lateness: int) -> pl.Expr:
    """Whether no later record can change a row, by its `window_start` and `incarnation`."""
    in_time = pl.col("window_start") + size <= watermark - lateness
    return pl.when(pl.col("incarnation") == 0).then(in_time).otherwise(incarnation_over(watermark, lateness))


def incarnation_over(watermark: int, lateness: int) -> pl.Expr:
    """Whether the watermark has left the stretch of a row's incarnation."""
    return pl.col("incarnation") <= watermark // stretch(lateness)
