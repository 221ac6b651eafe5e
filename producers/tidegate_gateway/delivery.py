"""What becomes of one request's records: counted until each is answered for, whichever thread tells."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Collection, Sequence

from tidegate.publish import KeyAndValue, OnDelivery

Settle = Callable[[range, Collection[int]], None]
"""Told once everything is answered for: a request's numbers, and those that were not delivered."""


class Delivery:
    """Counts answers without a lock: each takes the next number, and who takes the last one finishes.

    A record costs no object and no awakening of the event loop; which ones failed is found by their bytes, if any did.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, numbers: range, settle: Settle) -> None:
        self._loop, self._numbers, self._settle = loop, numbers, settle
        self.done: asyncio.Future[str | None] = loop.create_future()
        self._answers = itertools.count(1)
        self._expected, self._total = 1, 0  # the seal is an answer, too
        self._error: str | None = None
        self._sent: list[tuple[Sequence[KeyAndValue], Sequence[int]]] = []
        self._sent_apart: set[int] = set()
        self._failed_values: list[bytes] = []
        self._failed: set[int] = set()

    def expect(self, records: Sequence[KeyAndValue], numbers: Sequence[int]) -> None:
        """These were handed over, with their numbers (0 for one of its sender's); each is `answered` or given back."""
        self._expected += len(records)
        self._sent.append((records, numbers))

    def expect_one(self, number: int = 0) -> OnDelivery:
        """What is to be told of one record."""
        self._expected += 1
        self._sent_apart.add(number)

        def answered(error: str | None) -> None:
            if error is not None:
                self._failed.add(number)
            self.answered(error)

        return answered

    def answered(self, error: str | None) -> None:
        """One record is known: delivered, or what went wrong."""
        if error is not None:
            self._error = self._error or error
        if next(self._answers) == self._total:
            self._finish()

    def give_back(self, record: KeyAndValue, error: str, _: OnDelivery | None) -> None:
        """This record was not delivered."""
        self._failed_values.append(record[1])
        self.answered(error)

    def seal(self) -> None:
        """Nothing more is handed over. Numbers that were not by now have failed."""
        self._total = self._expected
        self.answered(None)

    def give_up(self, error: str) -> None:
        """Wait no longer, on the event loop's thread. What is answered later still settles its number."""
        self._error = self._error or error
        self._tell()

    def _finish(self) -> None:
        handed_over = sum(len(records) for records, _ in self._sent) + len(self._sent_apart - {0})
        if self._failed_values or self._failed or handed_over < len(self._numbers):
            self._find_failed()
        self._settle(self._numbers, self._failed)
        self._sent.clear()
        with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits any more
            self._loop.call_soon_threadsafe(self._tell)

    def _find_failed(self) -> None:
        known = {
            value: number
            for records, numbers in self._sent
            for (_, value), number in zip(records, numbers, strict=True)
        }
        self._failed.update(known[value] for value in self._failed_values)
        self._failed.update(set(self._numbers) - set(known.values()) - self._sent_apart)
        self._failed.discard(0)

    def _tell(self) -> None:
        if not self.done.done():
            self.done.set_result(self._error)
