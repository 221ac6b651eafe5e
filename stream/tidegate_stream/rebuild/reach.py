"""Which records the rows of a range of time depend on."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate_stream.folds import Fold, Metrics, Sessions
from tidegate_stream.folds.points import FORGET_MICROS
from tidegate_stream.folds.tumbling import TumblingFold


@dataclass(frozen=True)
class Stretch:
    """A part of time in µs since the epoch, `end` exclusive."""

    begin: int
    end: int


@dataclass(frozen=True)
class Reach:
    """What a fold's rows of a range are, and what they depend on."""

    rows: Stretch
    """Windows that begin in here are the range's; sessions are if they were under way in here."""
    records: Stretch
    """Records of this time matter, wherever they are in the log. Its begin holds for visitors who paused since."""
    memory: int
    """So much watermark before the first of those records must be read too, in µs."""
    lateness: int
    """How far the watermark must be past a row's window (past a pause after a session) for it to be closed, in µs."""
    size: int
    """Of a window, in µs; 1 for sessions, which have none."""

    def closed_before(self, watermark: int) -> int:
        """Rows that begin (sessions: end) before this time can't be changed by records in time; µs since the epoch."""
        return (watermark - self.lateness) // self.size * self.size


def reach(fold: Fold, begin: int, end: int) -> Reach:
    """What must be read for the rows of `[begin, end)`, µs since the epoch; widened to whole windows."""
    if isinstance(fold, Sessions):
        # Nothing of a session is further than its cap from any of its events; the cell after it says whether it's over.
        around = fold.cap_micros + 2 * fold.gap
        records = Stretch(begin - around, end + around)
        return Reach(Stretch(begin, end), records, memory=0, lateness=fold.lateness + fold.gap, size=1)
    if isinstance(fold, Metrics):
        # A total counts by its growth since the stream's last one, which is remembered for this long.
        return _windows(fold, begin, end, FORGET_MICROS)
    if isinstance(fold, TumblingFold):
        return _windows(fold, begin, end, 0)
    raise TypeError(f"nobody has said which records the rows of {fold.name} depend on")


def _windows(fold: Metrics | TumblingFold, begin: int, end: int, memory: int) -> Reach:
    whole = Stretch(begin // fold.size * fold.size, -(-end // fold.size) * fold.size)
    return Reach(whole, whole, memory, fold.lateness, fold.size)
