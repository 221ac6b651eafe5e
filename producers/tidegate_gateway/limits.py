"""How fast one write key may send: a token bucket a key, so that a flood on one doesn't take from the others. Pure."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], float]


@dataclass(frozen=True)
class Rate:
    """Events a second in the long run, and how many may come at once. 0 a second: no limit."""

    events_per_second: float = 0.0
    burst_events: float = 1.0

    def __post_init__(self) -> None:
        if self.events_per_second < 0 or self.burst_events < 1:
            raise ValueError("events_per_second must not be negative, and burst_events at least 1")


class Limiter:
    """One bucket for each key, in memory: a gateway process counts for itself.

    A key may be in debt: what is asked for is given as long as one event is left, so that a batch larger than the burst
    isn't refused for ever. Its debt is then waited for. Remembers every key that it was asked for, so only keys of
    projects belong here. For one thread (the gateway's event loop).
    """

    def __init__(self, rate: Rate, clock: Clock = time.monotonic) -> None:
        self._rate, self._clock = rate, clock
        #: what a key had left, and when that was
        self._left: dict[str, tuple[float, float]] = {}

    def wait_seconds(self, key: str) -> float:
        """How long until the key may send again; 0 if it may now."""
        left = self._now(key, self._clock())
        if not self._rate.events_per_second or left >= 1:
            return 0.0
        return (1 - left) / self._rate.events_per_second

    def take(self, key: str, events: int) -> float:
        """Give a key its events and return 0, or give it none and return how many seconds it has to wait."""
        if not self._rate.events_per_second:
            return 0.0
        if wait := self.wait_seconds(key):
            return wait
        at = self._clock()
        self._left[key] = (self._now(key, at) - events, at)
        return 0.0

    def _now(self, key: str, at: float) -> float:
        left, since = self._left.get(key, (self._rate.burst_events, at))
        return min(self._rate.burst_events, left + (at - since) * self._rate.events_per_second)
