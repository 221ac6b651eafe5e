"""How the gateway numbers what it takes for others: a producer for each project, and what became of its numbers.

An event that Kafka doesn't take is answered with an error, and its sender sends it again, under a new number. The old
one is told to the ledger as spent: it is no event that was lost.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path

from tidegate.accounts import report_closed, report_ended
from tidegate.counter import Numbering
from tidegate.errors import PublishError
from tidegate.publish import Publisher
from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.numbers import numbers_in, spans
from tidegate_schemas.reasons import Reason

Clock = Callable[[], datetime]


class ProjectNumbers:
    """One project's numbers. Thread-safe: Kafka's client answers from a thread of its own."""

    def __init__(self, project: str, publisher: Publisher, clock: Clock, counters: Path | None) -> None:
        self._numbering = Numbering(
            "gateway", project, lambda: int(clock().timestamp() * 1e6), folder=counters, outstanding=True
        )
        self._publisher, self._lock = publisher, threading.Lock()
        self._failed: set[int] = set()

    @property
    def producer_id(self) -> str:
        """Who numbers."""
        return self._numbering.producer_id

    def take_block(self, count: int) -> range:
        """The next so many numbers; each is to be settled."""
        return self._numbering.take_block(count) if count else range(0)

    def settle(self, numbers: range, failed: Collection[int]) -> None:
        """All of a block is answered for; Kafka didn't take these of it, and the ledger will be told."""
        if not failed:
            self._numbering.settle_block(numbers)
            return
        for number in numbers:
            if number not in failed:
                self._numbering.settle(number)
        with self._lock:
            self._failed.update(failed)

    def report(self, now: datetime) -> None:
        """Tell the ledger which numbers Kafka didn't take, as far as it isn't known. Raises PublishError."""
        if not self._failed:
            return
        with self._lock:
            pairs, self._failed = spans(self._failed), set()

        def told(error: str | None) -> None:
            for number in numbers_in(pairs):
                if error is None:
                    self._numbering.settle(number)
            if error is not None:
                with self._lock:
                    self._failed.update(numbers_in(pairs))

        try:
            self._publisher.publish_outcome(self._undelivered(pairs, now), told)
        except PublishError as error:
            told(str(error))
            raise

    def _undelivered(self, pairs: list[int], now: datetime) -> dict[str, object]:
        return {
            "outcome_id": derived_event_id("undelivered", self.producer_id, *map(str, pairs)),
            "project": self._numbering.project,
            "producer_id": self.producer_id,
            "minute": now.replace(second=0, microsecond=0),
            "outcome": "dropped",
            "reason": Reason.UNDELIVERABLE.value,
            "quantity": len(numbers_in(pairs)),
            "reporter": "gateway",
            "sequences": pairs,
        }

    def close(self, now: datetime) -> Callable[[], None]:
        """Say that no number will follow; returns what lets go of the counter once the publisher is closed."""
        told: list[str | None] = []
        with contextlib.suppress(PublishError):
            self.report(now)
            report_closed(self._numbering, self._publisher, now, told.append)
        return lambda: self._numbering.close(remove=told == [None] and not self._failed)


class Numbers:
    """All projects' numbers. What earlier processes left in `counters` is reported at once."""

    def __init__(self, publisher: Publisher, clock: Clock, counters: Path | None) -> None:
        self._publisher, self._clock, self._counters = publisher, clock, counters
        self._projects: dict[str, ProjectNumbers] = {}
        if counters is not None:
            report_ended(counters, publisher)

    def of(self, project: str) -> ProjectNumbers:
        """A project's numbers; its counter begins with the first event."""
        if project not in self._projects:
            self._projects[project] = ProjectNumbers(project, self._publisher, self._clock, self._counters)
        return self._projects[project]

    def close(self, flush_seconds: float = 5.0) -> None:
        """Report that all of them end, and let go of what Kafka has been told. Waits for it."""
        settle = [numbers.close(self._clock()) for numbers in self._projects.values()]
        self._publisher.flush(flush_seconds)
        for each in settle:
            each()
