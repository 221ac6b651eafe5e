"""Whether commits follow what arrives. A worker that doesn't get on, and doesn't fail either, is ended and replays."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from faust.types import TP

from tidegate_stream.errors import StuckCommitError


@dataclass(frozen=True)
class Extent:
    """Where a partition stands, in offsets.

    `committed` and `reached` (one past the last record that was fetched) are records'; `position` and `end` may lie
    behind transaction markers, so only their difference tells of records to come.
    """

    committed: int
    reached: int
    position: int
    end: int

    @property
    def lag(self) -> int:
        """Offsets that were fetched and aren't committed, and those that aren't fetched yet."""
        return max(0, self.reached - self.committed) + max(0, self.end - self.position)


class CommitWatch:
    """Remembers when each partition last got on. Pure: the caller brings the time, in seconds."""

    def __init__(self, stuck_seconds: float) -> None:
        self._stuck_seconds = stuck_seconds
        #: What was seen last, since when its commit stands, and since when reading stands too.
        self._last: dict[TP, tuple[Extent, float, float]] = {}

    def observe(self, extents: Mapping[TP, Extent], now: float, waiting: Collection[str] = ()) -> dict[TP, float]:
        """Seconds since each partition's commit last moved while there was lag; 0 without lag.

        Raises StuckCommitError where neither commit nor reading gets on for too long: an agent that is brought up
        from the log reads on below a commit that doesn't move. Topics that are `waiting` for another one to get on are
        not stuck. Partitions that are gone are forgotten.
        """
        ages = {}
        for tp, extent in extents.items():
            before, committed_at, read_at = self._last.get(tp, (extent, now, now))
            if not extent.lag or extent.committed != before.committed:
                committed_at = read_at = now
            if extent.position != before.position or tp.topic in waiting:
                read_at = now
            self._last[tp] = extent, committed_at, read_at
            ages[tp] = now - committed_at
            if now - read_at >= self._stuck_seconds:
                raise StuckCommitError(tp.topic, tp.partition, extent.committed, extent.lag, ages[tp])
        for tp in self._last.keys() - extents.keys():
            del self._last[tp]
        return ages
