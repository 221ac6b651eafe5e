"""At which of its regular ticks an agent flushes."""

from __future__ import annotations

from tidegate_stream.transport.chunk import Chunk

#: A chunk is of a backlog if the broker had so many offsets behind it, more than two fetches bring, ...
BACKLOG_OFFSETS = 20_000
#: ... and its last record was then so old: as long as a backlog's pause between two flushes.
BACKLOG_SECONDS = 5.0


class Pace:
    """Every tick; every few seconds while all that comes is of a backlog.

    A flush costs much the same whether a second's events are in it or five. Events that are already late by as much as
    the longer pause can wait for it: the work that is saved brings the end of the backlog nearer. A chunk that is not
    of a backlog, from whichever partition, makes the next tick a flush.
    """

    def __init__(self, tick_seconds: float) -> None:
        """`tick_seconds`: from one tick to the next."""
        self._most_ticks = max(1, round(BACKLOG_SECONDS / tick_seconds))
        self._ticks, self._took_any, self._took_fresh = 0, False, False

    def took(self, chunk: Chunk) -> None:
        """A chunk waits for the next flush."""
        self._took_any = True
        self._took_fresh |= chunk.behind < BACKLOG_OFFSETS or chunk.age_seconds < BACKLOG_SECONDS

    def due(self) -> bool:
        """Whether to flush at this tick."""
        self._ticks += 1
        if self._took_any and not self._took_fresh and self._ticks < self._most_ticks:
            return False
        self._ticks, self._took_any, self._took_fresh = 0, False, False
        return True
