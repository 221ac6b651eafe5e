"""Sessions as a pure function of cells.

A session is a run of one visitor's events, none more than `gap` after the one before, cut after `cap`. A late
event may join two sessions, and may move the place where a run is cut, so sessions themselves can't be merged
from parts. Cells can: a cell is an aligned interval of length `gap` (`floor(time / gap)`), so that all of its
events belong together whatever else arrives. Cells add up in any order; sessions are derived from them.
"""

from __future__ import annotations

import polars as pl


def cell_width(gap: int) -> int:
    """Width of a cell in µs: two events within it are always at most `gap` apart."""
    return gap


def segment(cells: pl.DataFrame, by: list[str], gap: int, cap: int) -> pl.DataFrame:
    """Add `run` (a number of its own) and `segment` (a number within a run), and sort by `by` and time.

    `cells` has `first_at` and `last_at` (Int64 µs, both inclusive) and doesn't overlap within a group. Cells of
    a run follow each other by at most `gap`; a run longer than `cap` is cut into segments, each the longest
    that begins with the first cell left over and spans at most `cap`.
    """
    ordered = cells.sort(*by, "first_at")
    breaks = pl.col("first_at") - pl.col("last_at").shift(1) > gap
    another = pl.any_horizontal(pl.col(name) != pl.col(name).shift(1) for name in by)
    ordered = ordered.with_columns((another | breaks).fill_null(value=False).cum_sum().alias("run"))
    start, end = pl.col("first_at").min().over("run"), pl.col("last_at").max().over("run")
    ordered = ordered.with_columns((end - start > cap).alias("long_run"), pl.lit(0, pl.UInt32).alias("segment"))
    if not ordered["long_run"].any():
        return ordered
    return ordered.with_columns(pl.Series("segment", _cut(ordered, cap), pl.UInt32))


def _cut(ordered: pl.DataFrame, cap: int) -> list[int]:
    """Segment number of each cell, run by run: sequential, but only long runs (kiosks, robots) get here."""
    numbers: list[int] = []
    current: object = None
    start = number = 0
    for run, first_at, last_at in ordered.select("run", "first_at", "last_at").iter_rows():
        if run != current:
            current, start, number = run, first_at, 0
        elif last_at - start > cap:
            start, number = first_at, number + 1
        numbers.append(number)
    return numbers


def closed_sessions(segmented: pl.DataFrame, watermark: int, gap: int, lateness: int) -> pl.Series:
    """Whether no later in-time record can change the session of each cell (a frame made by `segment`).

    A record in time is at `watermark - lateness` or later. The last segment of a run is closed when such a
    record can't reach it across a gap; an earlier segment when the cell that begins the next one is full,
    because then the cut between them can't move.
    """
    horizon = watermark - lateness
    width = cell_width(gap)
    unit = ["run", "segment"]
    reached = pl.col("last_at").max().over(unit) + gap < horizon
    begin = pl.col("first_at").min().over(unit).floordiv(width) * width + width <= horizon
    following = segmented.select(*unit, begin.alias("_begin_full")).unique().with_columns(pl.col("segment") - 1)
    joined = segmented.with_columns(reached.alias("_reached"), pl.col("segment").cast(pl.Int64)).join(
        following.with_columns(pl.col("segment").cast(pl.Int64)), on=unit, how="left", maintain_order="left"
    )
    full = pl.col("_begin_full").fill_null(value=False)
    return joined.select((pl.col("_reached") | full).alias("closed"))["closed"]
