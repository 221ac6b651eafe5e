"""A queue on disk: bounded, checksummed, in order, and what was appended outlives a kill of its process.

Records are done in any order; the segments that hold nothing else are deleted. What was not marked done when its
process ended is taken again, which is safe for events, as they keep their ids.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from tidegate.errors import SpoolFullError
from tidegate.spool.frames import Damaged, Found, Record, framed, scan
from tidegate.spool.segments import Place, Segments

log = logging.getLogger(__name__)

SEGMENT_BYTES = 1 << 20
MARK_BYTES = 64 << 10
"""What is done is noted after so many bytes: the less often, the more comes twice after a kill."""


class Spool:
    """One home's records, oldest first. Thread-safe.

    `lost_bytes` counts what was found damaged. Raises SpoolBusyError if another process has the home.
    """

    def __init__(
        self,
        home: Path,
        *,
        max_bytes: int = 256 << 20,
        segment_bytes: int = SEGMENT_BYTES,
        mark_bytes: int = MARK_BYTES,
        synced: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._max_bytes, self._segment_bytes, self._mark_bytes = max_bytes, segment_bytes, mark_bytes
        self.home, self._clock = home, clock
        self._lock = threading.Lock()
        self._files = Segments(home, synced=synced)
        self.lost_bytes = 0
        self._bytes: dict[int, int] = {number: self._files.length(number) for number in self._files.numbers}
        self._begun = {number: self._files.modified(number) for number in self._files.numbers}
        self.held_bytes = sum(self._bytes.values())
        """On disk, of records that are done and share a segment with others, too."""
        self._open: dict[Place, None] = {}
        """Taken and not done, in the order of their places."""
        self._again: set[Place] = set()
        self._after = self._marked = self._files.done()
        """Everything before is taken, done, or damaged."""
        self._read = self._after
        """Everything before is looked at: what is whole of it and not taken yet is in `_ahead`, of the same segment."""
        self._ahead: deque[Found] = deque()
        for number in list(self._files.numbers):
            if number < self._after[0]:
                self._drop(number)
        #: Appended or found, and not done yet.
        self.pending = sum(1 for number in self._files.numbers for _ in self._whole(number, self._start_of(number)))

    @property
    def waiting(self) -> int:
        """Records that nobody has taken, or that are to be taken again."""
        return self.pending - len(self._open) + len(self._again)

    @property
    def oldest_at(self) -> float | None:
        """When the oldest segment with records that aren't done was begun; None if there are none.

        Of one that an earlier process left, when it was written to last.
        """
        with self._lock:
            return min(self._begun.values(), default=None) if self.pending else None

    def append(self, record: Record, beside_bytes: int = 0) -> Place:
        """Keep a record. SpoolFullError if that and `beside_bytes` were more than `max_bytes`, or the disk is full."""
        frame = framed(record)
        with self._lock:
            held = self.held_bytes + beside_bytes
            if held + len(frame) > self._max_bytes:
                raise SpoolFullError(f"the spool holds {held} bytes of {self._max_bytes} at most")
            try:
                place = self._write(frame)
            except OSError as error:
                raise SpoolFullError(f"the spool's disk refused {len(frame)} bytes: {error.strerror}") from error
            self.pending += 1
            return place

    def _write(self, frame: bytes) -> Place:
        if not self._bytes or self._files.size == 0 or self._files.size >= self._segment_bytes:
            number = self._files.begin()
            self._bytes[number], self._begun[number] = 0, self._clock()
        place = self._files.append(frame)
        self._bytes[place.segment] = place.end
        self.held_bytes += place.end - place.begin
        return place

    def sync(self) -> None:
        """Bring what was appended to the medium, where a loss of power leaves it. Raises OSError."""
        with self._lock:
            sync = self._files.unsynced()
        sync()

    def tidy(self) -> None:
        """Delete what is done although its segment isn't full: for a time when nothing is pending."""
        with self._lock:
            if not self.pending and self._bytes:
                self._settle(whole=True)

    def take(self, limit: int) -> Sequence[tuple[Place, Record]]:
        """The next records that nobody has taken, or that are to be taken again; they stay until they are done."""
        with self._lock:
            taken = [(place, record) for place in self._due(limit) for record in self._read_again(place)]
            while len(taken) < limit and (found := self._next()) is not None:
                place = Place(self._read[0], found.begin, found.end)
                self._open[place] = None
                taken.append((place, found.record))
            return taken

    def _due(self, limit: int) -> list[Place]:
        due = sorted(self._again)[:limit]
        self._again.difference_update(due)
        return due

    def _read_again(self, place: Place) -> Iterator[Record]:
        """The record of a place, none if it was damaged since it was taken first."""
        for span in scan(self._files.read(place.segment, place.begin, place.end)):
            if isinstance(span, Found):
                yield span.record
            else:
                self._count_lost(place.segment, span)
                del self._open[place]
                self.pending -= 1

    def _next(self) -> Found | None:
        if not self._ahead:
            self._look_ahead()
        if not self._ahead:
            return None
        found = self._ahead.popleft()
        self._after = self._read[0], found.end
        return found

    def _look_ahead(self) -> None:
        """Read on, in the first segment that has anything left."""
        for number in [number for number in self._files.numbers if number >= self._read[0]]:
            begin, end = self._start_of(number), self._bytes[number]
            if begin < end:
                self._ahead.extend(self._whole(number, begin, count_lost=True))
                self._read = number, end
                if self._ahead:
                    return
        self._after = self._read

    def _start_of(self, number: int) -> int:
        return self._read[1] if number == self._read[0] else 0

    def _whole(self, number: int, begin: int, *, count_lost: bool = False) -> Iterator[Found]:
        """The whole frames of a segment from a position on, with positions in the segment."""
        for span in scan(self._files.read(number, begin, self._bytes[number])):
            if isinstance(span, Found):
                yield Found(span.record, begin + span.begin, begin + span.end)
            elif count_lost:
                self._count_lost(number, span)

    def _count_lost(self, number: int, span: Damaged) -> None:
        self.lost_bytes += span.end - span.begin
        how = "were cut short" if span.torn else "are damaged"
        log.warning("%d bytes of the spool's segment %d %s and are left out", span.end - span.begin, number, how)

    def done(self, places: Iterable[Place]) -> None:
        """These are where they belong; a place that isn't open is passed over."""
        with self._lock:
            for place in places:
                if place in self._open:
                    del self._open[place]
                    self._again.discard(place)
                    self.pending -= 1
            self._settle()

    def again(self, places: Iterable[Place]) -> None:
        """These didn't arrive: give them out again, before all others."""
        with self._lock:
            self._again.update(place for place in places if place in self._open)

    def _settle(self, *, whole: bool = False) -> None:
        """Mark what is done, and delete the segments that are; the newest too if it is full, or `whole` is said."""
        first = next(iter(self._open), None)  # the lowest, as places are taken in order
        segment, position = self._after if first is None else (first.segment, first.begin)
        full = whole or position >= self._segment_bytes
        if first is None and full and position == self._bytes.get(segment):
            segment, position = self._after = self._read = segment + 1, 0
        if self.pending and segment == self._marked[0] and position - self._marked[1] < self._mark_bytes:
            return
        self._files.mark_done(segment, position)
        self._marked = segment, position
        for number in [number for number in self._files.numbers if number < segment]:
            self._drop(number)

    def _drop(self, number: int) -> None:
        self._files.remove(number)
        self.held_bytes -= self._bytes.pop(number, 0)
        self._begun.pop(number, None)

    def close(self) -> None:
        """Let go of the home, which is removed if all of it is done."""
        with self._lock:
            empty = not self.pending
            for number in list(self._files.numbers) if empty else []:
                self._drop(number)
            self._files.close(remove=empty)

    def abandon(self) -> None:
        """Let go of the home in a forked child: it stays its parent's, and is free when that has ended."""
        self._files.abandon()
