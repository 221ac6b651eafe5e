"""One comparison of the aggregates with the archive.

A partition is judged once everything that it has archived is committed, hence folded: rows that are on their way are no
difference. Too-late events go on changing closed windows while they are compared, so what one comparison finds counts
only if the next one finds the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any

from clickhouse_connect.driver.client import Client

from tidegate_schemas.topics import KINDS, Kind, clean_topic

#: Relative; sums of floating-point numbers depend on their order.
TOLERANCE = 1e-6
MICROS = 1_000_000
DAY_MICROS = 86_400 * MICROS
#: A visit longer than this past the end of the range isn't judged.
BEYOND_MICROS = 2 * DAY_MICROS

Committed = Callable[[Iterable[tuple[str, int]]], Mapping[tuple[str, int], int]]


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


def judge(client: Client, generation: int, committed: Committed) -> Judged:
    """Look how far archive and commits are. Raises ClickHouseError, CommitsUnknownError."""
    heads: dict[tuple[Kind, int], tuple[int, int]] = {}
    for kind in KINDS:
        parameters = {"table": f"events_{kind}", "generation": generation}
        for partition, head, watermark in client.query(sql("heads"), parameters=parameters).result_rows:
            heads[kind, int(partition)] = int(head), int(watermark)
    reached = committed([(clean_topic(kind), partition) for kind, partition in heads])
    folded = {
        place: watermark
        for place, (head, watermark) in heads.items()
        if reached.get((clean_topic(place[0]), place[1]), -1) > head
    }
    return Judged(folded, [(clean_topic(kind), number) for kind, number in heads if (kind, number) not in folded])


def differences(client: Client, judged: Judged, scope: Scope) -> list[Difference]:
    """What one comparison of the judged partitions finds. Raises ClickHouseError."""
    found: list[Difference] = []
    for check in CHECKS:
        partitions = [number for kind, number in judged.watermarks if kind == check.kind]
        if not partitions:
            continue
        parameters = _parameters(check, scope, [judged.watermarks[check.kind, number] for number in partitions])
        rows = client.query(sql(check.query), parameters={**parameters, "partitions": partitions}).named_results()
        found.extend(_difference(check, row) for row in rows)
    return found


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


def sql(name: str) -> str:
    """One of this package's queries."""
    return files("tidegate_stream.reconcile").joinpath("queries", f"{name}.sql").read_text(encoding="utf-8")


def _near(before: float, now: Difference) -> bool:
    return abs(before - (now.found - now.expected)) <= TOLERANCE * max(1.0, now.expected)


def _parameters(check: Check, scope: Scope, watermarks: Sequence[int]) -> dict[str, Any]:
    size = max(check.size_seconds, 1) * MICROS
    own: dict[str, Any] = {}
    if check.query == "sessions":
        own = {"gap": int(scope.session_gap_seconds * MICROS), "beyond": BEYOND_MICROS}
    return own | {
        "begin": scope.begin // size * size,
        "end": scope.end // size * size,
        "generation": scope.generation,
        "closed": [closed_before(check.size_seconds, mark, scope.lateness_seconds) for mark in watermarks],
        "tolerance": TOLERANCE,
    }


def _difference(check: Check, row: Mapping[str, Any]) -> Difference:
    return Difference(
        aggregate=check.aggregate,
        measure=str(row["measure"]),
        window_start=row["hour"],
        window_end=row["hour_end"],
        project=str(row["project"]),
        source_topic=clean_topic(check.kind),
        source_partition=int(row["partition"]),
        expected=float(row["expected"]),
        found=float(row["found"]),
        windows=int(row["windows"]),
        overlapping=int(row["overlapping"]),
    )
