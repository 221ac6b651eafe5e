"""The worker's own fold over a part of the log, for the rows of a range."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import polars as pl

from tidegate_stream.folds import Fold, empty_state
from tidegate_stream.rebuild.reach import Stretch
from tidegate_stream.state.partition import PartitionState


class Replay:
    """Folds a partition's records from `start` on, and keeps the rows of the range.

    `watermark` is the one of all records before `start`, in µs since the epoch. As in the worker, what nothing can
    change any more leaves the state, so memory is that of the open windows and of the rows asked for.
    """

    def __init__(self, fold: Fold, rows: Stretch, key: Sequence[str], start: int, watermark: int) -> None:
        self.fold, self._range = fold, rows
        self._key = [name for name in key if name not in ("source_topic", "source_partition")]
        self._state = PartitionState(fold, 0, empty_state(fold), watermark, fence=start - 1)
        self._found: list[pl.DataFrame] = []

    def feed(self, events: pl.DataFrame) -> None:
        """Take the next records: clean events and `_offset`, in offset order; those before the start don't count."""
        if events.is_empty() or not self._state.add(events, int(events["_offset"][-1])):
            return
        self._state.take_delta(snapshot_every=sys.maxsize)
        self._state.rows, last_rows = self._state.closing()
        if last_rows is not None:
            self._keep(last_rows)

    def finish(self, watermark: int) -> pl.DataFrame:
        """The range's rows at `watermark`, which all of the log has reached by now; sessions of its surroundings too.

        Those with `final` = 0 may still change.
        """
        state = self._state
        state.watermark = max(state.watermark, watermark)
        self._keep(self.fold.output(state.rows, self.fold.expired(state.rows, state.watermark)))
        rows = pl.concat(self._found).unique(self._key, keep="last", maintain_order=True)
        return rows.filter(pl.col("is_deleted") == 0) if "is_deleted" in rows.columns else rows

    def _keep(self, rows: pl.DataFrame) -> None:
        self._found.append(rows.filter(within(self._range)) if "window_start" in rows.columns else rows)


def within(stretch: Stretch) -> pl.Expr:
    """Whether a row's window begins in a stretch of time."""
    return (
        pl.col("window_start")
        .cast(pl.Datetime("us", "UTC"))
        .cast(pl.Int64)
        .is_between(stretch.begin, stretch.end, closed="left")
    )


def in_range(rows: pl.DataFrame, stretch: Stretch) -> pl.DataFrame:
    """The rows that belong to a range: by window, by a session's time, by the day of a link."""
    micros = {name: pl.col(name).cast(pl.Int64) for name in ("started_at", "ended_at", "first_seen")}
    if "window_start" in rows.columns:
        return rows.filter(within(stretch))
    if "first_seen" in rows.columns:
        return rows.filter(micros["first_seen"].is_between(stretch.begin, stretch.end, closed="left"))
    return rows.filter((micros["started_at"] < stretch.end) & (micros["ended_at"] >= stretch.begin))
