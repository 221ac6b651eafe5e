"""What a comparison looks at and what it finds. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tidegate_schemas.topics import KINDS, Kind

#: Relative; sums of floating-point numbers depend on their order.
TOLERANCE = 1e-6
MICROS = 1_000_000
DAY_MICROS = 86_400 * MICROS
#: A visit longer than this past the end of the range isn't judged.
BEYOND_MICROS = 2 * DAY_MICROS


@dataclass(frozen=True)
class Check:
    """One query: what it compares."""

    query: str
    aggregate: str
    kind: Kind
    size_seconds: int


CHECKS = (
    Check("sessions", "sessions", "track", 0),
    Check("activity", "activity", "track", 900),
    Check("usage", "usage", "track", 900),
    Check("requests", "error_rates", "span", 10),
    Check("exceptions", "error_rates", "error", 10),
    Check("latencies", "latencies", "span", 10),
    Check("metric_windows", "metric_windows", "metric", 10),
    *(Check("ledger", "ledger", kind, 60) for kind in KINDS),
)


@dataclass(frozen=True)
class Scope:
    """What is compared and how time is cut: windows that begin in `[begin, end)`, µs since the epoch."""

    begin: int
    end: int
    generation: int
    lateness_seconds: float
    session_gap_seconds: float


@dataclass(frozen=True)
class Judged:
    """Watermarks (µs since the epoch) of the partitions that can be judged, and the partitions that can't yet."""

    watermarks: Mapping[tuple[Kind, int], int]
    waiting: Sequence[tuple[str, int]]


@dataclass(frozen=True)
class Difference:
    """An hour in which an aggregate holds something else than the archive."""

    aggregate: str
    measure: str
    window_start: datetime
    window_end: datetime
    project: str
    source_topic: str
    source_partition: int
    expected: float
    found: float
    windows: int
    overlapping: int

    @property
    def identity(self) -> tuple[str, str, datetime, str, str, int]:
        """What tells it from others."""
        place = (self.source_topic, self.source_partition)
        return (self.aggregate, self.measure, self.window_start, self.project, *place)


def confirmed(earlier: Iterable[Difference], now: Iterable[Difference]) -> list[Difference]:
    """Those of now that were there before, and as large: nothing is on its way to mend them."""
    before = {each.identity: each for each in earlier}
    return [
        each
        for each in now
        if (same := before.get(each.identity)) is not None and _near(same.found - same.expected, each)
    ]


def closed_before(size_seconds: int, watermark: int, lateness_seconds: float) -> int:
    """Windows that begin before this (µs) are closed; of visits those that ended so long before."""
    horizon = watermark - int(lateness_seconds * MICROS)
    size = size_seconds * MICROS
    return max(0, horizon // size * size if size else horizon)


def _near(before: float, now: Difference) -> bool:
    return abs(before - (now.found - now.expected)) <= TOLERANCE * max(1.0, now.expected)
