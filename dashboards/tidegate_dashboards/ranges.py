"""Time ranges that a page can show, and the width of a point in each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

__all__ = ["DEFAULT_RANGE", "RANGES", "Span", "TimeRange", "time_range"]


@dataclass(frozen=True)
class TimeRange:
    """A choice of the time range picker."""

    key: str
    label: str
    title: str
    seconds: int
    step_seconds: int
    """Width of a point; a multiple of the 10 s windows. About 90 points a line."""

    def span(self, now: datetime) -> Span:
        """The range that ends with the step in progress at `now`."""
        step = self.step_seconds
        end = (int(now.timestamp()) // step + 1) * step
        return Span(datetime.fromtimestamp(end - self.seconds, UTC), datetime.fromtimestamp(end, UTC), step)


@dataclass(frozen=True)
class Span:
    """From `start` (inclusive) to `end` (exclusive), in points of `step_seconds`."""

    start: datetime
    end: datetime
    step_seconds: int

    @property
    def minutes(self) -> float:
        """Length in minutes."""
        return (self.end - self.start) / timedelta(minutes=1)

    def points(self, step_seconds: int | None = None) -> list[int]:
        """Start of every point, in seconds since the epoch, ascending, aligned to the step."""
        step = step_seconds or self.step_seconds
        first = int(self.start.timestamp()) // step * step
        return list(range(first, int(self.end.timestamp()), step))

    def parameters(self) -> dict[str, str]:
        """Values for the query parameters `start`, `end` and `step`."""
        return {
            "start": self.start.strftime("%Y-%m-%d %H:%M:%S"),
            "end": self.end.strftime("%Y-%m-%d %H:%M:%S"),
            "step": str(self.step_seconds),
        }


RANGES: tuple[TimeRange, ...] = (
    TimeRange("15m", "15 min", "the last 15 minutes", 900, 10),
    TimeRange("1h", "1 h", "the last hour", 3600, 60),
    TimeRange("24h", "24 h", "the last 24 hours", 86_400, 900),
    TimeRange("7d", "7 d", "the last 7 days", 604_800, 7200),
)
DEFAULT_RANGE = RANGES[0]


def time_range(key: str | None) -> TimeRange:
    """The range with this key; the default one for a key that isn't known."""
    return next((choice for choice in RANGES if choice.key == key), DEFAULT_RANGE)
