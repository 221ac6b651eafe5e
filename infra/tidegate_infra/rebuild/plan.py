"""Where a rebuild of one aggregate on one partition begins and ends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from tidegate_infra.errors import RebuildError
from tidegate_infra.rebuild.store import Source, Store
from tidegate_stream.folds import Fold, Sessions
from tidegate_stream.folds.tumbling import OCCURRED, TumblingFold
from tidegate_stream.rebuild import Reach, Stretch, reach

__all__ = ["Part", "plan"]


@dataclass(frozen=True)
class Part:
    """Offsets (inclusive) that one fold must read, and the watermark before them in µs since the epoch."""

    fold: Fold
    rows: Stretch
    first: int
    last: int
    watermark: int
    closed: int
    """Rows before this time (µs since the epoch) are closed at the source's head."""
    reached: int
    """The watermark at the source's head, in µs since the epoch."""


def plan(store: Store, source: Source, fold: Fold, asked: Stretch, *, whole: bool) -> Part:
    """Which records of a partition the rows of the time asked for depend on. Raises RebuildError.

    `whole` says that the archive has all records that ever were in the partition. Without any record of that time there
    is nothing to read (`last < first`), and no row is right.
    """
    need = _widened(store, source, fold, asked.begin, reach(fold, asked.begin, asked.end))
    if not whole:
        _refuse_what_is_gone(source, fold, need)
    time = time_of(fold)
    reached = source.watermark if time == OCCURRED else store.watermark(source, source.head + 1, time)
    found, closed = store.stretch(source, need.records, time), need.closed_before(reached)
    if found is None:
        return Part(fold, need.rows, source.head + 1, source.head, reached, closed, reached)
    first, last = found
    if need.memory:
        mark = store.watermark(source, first + 1, time) - need.memory
        first = min(first, store.passed(source, max(mark, 0), first))
    return Part(fold, need.rows, first, last, store.watermark(source, first, time), closed, reached)


def time_of(fold: Fold) -> str:
    """Which of an event's times a fold's windows go by."""
    return fold.time if isinstance(fold, TumblingFold) else OCCURRED


def _widened(store: Store, source: Source, fold: Fold, begin: int, need: Reach) -> Reach:
    """Sessions are cut by their cap from where a visitor began: read back to a pause of every visitor."""
    if not isinstance(fold, Sessions):
        return need
    back = begin - need.records.begin
    while store.unbroken(source, begin - back, begin, fold.gap):
        back *= 2
    return replace(need, records=Stretch(begin - back, need.records.end))


def _refuse_what_is_gone(source: Source, fold: Fold, need: Reach) -> None:
    """An archive forgets; what is left of a window would be less than its row."""
    before = need.rows.begin - need.records.begin + need.memory
    if need.rows.begin - before < source.oldest_received:
        raise RebuildError(
            f"{fold.name} of {source.topic}/{source.partition}: the archive begins with offset {source.oldest}, so "
            f"what is older than {_time(source.oldest_received + before)} can't be rebuilt. Choose a later --from"
        )


def _time(micros: int) -> str:
    return f"{datetime.fromtimestamp(micros / 1e6, UTC):%Y-%m-%dT%H:%M:%SZ}"
