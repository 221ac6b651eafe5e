"""A producer's numbers, and a mapped file that still says how far they came when the process is gone.

What arrives tells the highest number that arrived; what was lost behind it only the one who numbered knows. A kill -9
takes the process, not the pages that it mapped, so a write of eight bytes to one of them is as durable as the machine.
"""

from __future__ import annotations

import itertools
import logging
import mmap
import threading
import uuid
from collections.abc import Callable
from pathlib import Path

from tidegate.counter_file import LAST, OUTSTANDING, TIME, CounterFile

log = logging.getLogger(__name__)

Micros = Callable[[], int]


class Numbering:
    """One producer's numbers, from 1 without gaps, each given out once. Thread-safe; a signal handler may take some.

    With a `folder` the last number is in a file there before `take` returns. `outstanding` also notes which numbers
    nobody has answered for yet: those among the last 1,048,576 that were not `settle`d when the process ended. Without
    room for the file, numbers are given all the same.
    """

    def __init__(
        self,
        kind: str,
        project: str,
        clock: Micros,
        *,
        folder: Path | None = None,
        outstanding: bool = False,
    ) -> None:
        self.kind, self.project, self.producer_id = kind, project, _new_producer_id(kind)
        self._clock, self._numbers, self._lock = clock, itertools.count(1), threading.RLock()
        self.file = self._made(folder, outstanding=outstanding) if folder else None
        memory = self.file.memory if self.file else mmap.mmap(-1, OUTSTANDING)
        self._words = memoryview(memory).cast("Q")
        self._ring = memoryview(memory)[OUTSTANDING:] if outstanding and self.file else None

    def _made(self, folder: Path, *, outstanding: bool) -> CounterFile | None:
        try:
            return CounterFile.create(folder, self.kind, self.project, self.producer_id, outstanding=outstanding)
        except OSError as error:
            log.warning(
                "no counter in %s: %s; what a kill would lose is not known to the ledger", folder, error.strerror
            )
            return None

    @property
    def last(self) -> int:
        """The highest number given out; 0 for none."""
        return self._words[LAST]

    def take(self) -> int:
        """The next number."""
        with self._lock:
            number = next(self._numbers)
            if self._ring is not None:
                self._ring[number % len(self._ring)] = 1  # before it counts, so that no number is out without its mark
            if number > self._words[LAST]:  # a handler that interrupted this may have been further
                self._words[TIME] = self._clock()
                self._words[LAST] = number
            return number

    def take_block(self, count: int) -> range:
        """The next so many numbers, without others in between."""
        with self._lock:
            first = next(self._numbers)
            last = first + count - 1
            self._numbers = itertools.count(last + 1)
            self._mark(first, last, 1)
            if last > self._words[LAST]:
                self._words[TIME] = self._clock()
                self._words[LAST] = last
            return range(first, last + 1)

    def settle(self, number: int) -> None:
        """Kafka has this one, or the ledger knows what became of it."""
        if self._ring is not None:
            self._ring[number % len(self._ring)] = 0

    def settle_block(self, numbers: range) -> None:
        """As `settle` for each of a block."""
        if numbers:
            self._mark(numbers[0], numbers[-1], 0)

    def _mark(self, first: int, last: int, mark: int) -> None:
        """Write the marks of numbers that follow each other."""
        ring = self._ring
        while ring is not None and first <= last:
            place = first % len(ring)
            count = min(last - first + 1, len(ring) - place)
            ring[place : place + count] = bytes([mark]) * count
            first += count

    def close(self, *, remove: bool) -> None:
        """Let go of the file, which is removed if the ledger knows what it says."""
        with self._lock:
            last, at = self._words[LAST], self._words[TIME]
            self._words.release()
            if self._ring is not None:
                self._ring.release()
            self._ring, self._words = None, memoryview(bytearray(OUTSTANDING)).cast("Q")
            self._words[LAST], self._words[TIME] = last, at
            if self.file:
                self.file.close(remove=remove)
                self.file = None

    def abandon(self) -> None:
        """Let go of the file in a forked child: it stays its parent's, lock and all."""
        self._lock = threading.RLock()
        self.close(remove=False)


def _new_producer_id(kind: str) -> str:
    """A name for one numbering of events, led by who numbers, such as `sdk`: random, never derived from a person."""
    return f"{kind}:{uuid.uuid4().hex}"
