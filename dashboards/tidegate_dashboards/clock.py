"""Time, injected: logic asks a clock that tests can set."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

__all__ = ["Clock", "ManualClock", "SystemClock"]


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> datetime:
        """The time, aware, in UTC."""

    def monotonic(self) -> float:
        """Seconds that only grow, for durations."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that only grow, for durations."""
        return time.monotonic()


class ManualClock:
    """A clock that stands still until it is told to go on."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._passed = timedelta()

    def advance(self, seconds: float) -> datetime:
        """Goes on by so many seconds; returns the new time."""
        self._passed += timedelta(seconds=seconds)
        return self.now()

    def now(self) -> datetime:
        """The time that was set."""
        return self._start + self._passed

    def monotonic(self) -> float:
        """Seconds since the start."""
        return self._passed.total_seconds()
