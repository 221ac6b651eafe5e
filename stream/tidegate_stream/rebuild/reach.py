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


def reach(fold: Fold, begin: int, end: int) -> Reach:
    """What must be read for the rows of `[begin, end)`, µs since the epoch; widened to whole windows."""
    if isinstance(fold, Sessions):
        # Nothing of a session is further than its cap from any of its events; the cell after it says whether it's over.
        around = fold.cap_micros + 2 * fold.gap
        return Reach(Stretch(begin, end), Stretch(begin - around, end + around), 0)
    if isinstance(fold, Metrics):
        # A total counts by its growth since the stream's last one, which is remembered for this long.
        return _windows(begin, end, fold.size, FORGET_MICROS)
    if isinstance(fold, TumblingFold):
        return _windows(begin, end, fold.size, 0)
    raise TypeError(f"nobody has said which records the rows of {fold.name} depend on")


def _windows(begin: int, end: int, size: int, memory: int) -> Reach:
    whole = Stretch(begin // size * size, -(-end // size) * size)
    return Reach(whole, whole, memory)
