"""Sample rows, the same for the same time: for tests, screenshots, and a first look at the pages.

Nothing in here is drawn at random; waves of different lengths look lively enough.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import md5
from typing import Any
from uuid import UUID

import httpx
import orjson

__all__ = ["TABLES", "Sample", "buckets_of", "insert"]

Row = dict[str, Any]
GAMMA = 1.01 / 0.99
WINDOW = timedelta(seconds=10)
MINUTE = timedelta(minutes=1)
QUARTER = timedelta(minutes=15)
SERVICE = "marketplace"
ENDPOINTS = (
    # method, route, requests a window, median seconds, share that fails
    ("GET", "/", 14, 0.012, 0.0),
    ("GET", "/agents", 22, 0.034, 0.001),
    ("GET", "/agents/{slug}", 16, 0.021, 0.002),
    ("POST", "/agents/{slug}/install", 4, 0.058, 0.01),
    ("POST", "/agents/{slug}/run", 9, 0.31, 0.075),
    ("POST", "/login", 3, 0.095, 0.0),
    ("POST", "/register", 1, 0.12, 0.0),
)
STATEMENTS = (
    ("SELECT agents", 30, 0.0011),
    ("INSERT runs", 9, 0.0032),
    ("SELECT users", 12, 0.0007),
    ("UPDATE installs", 4, 0.0041),
)
AGENTS = ("invoice-reader", "meeting-notes", "code-reviewer", "travel-planner", "inbox-triage")


def buckets_of(median: float, count: int, spread: float = 0.55) -> tuple[list[int], list[float]]:
    """A sketch of `count` log-normal durations at evenly spaced quantiles."""
    found: dict[int, float] = {}
    for index in range(max(count, 1)):
        share = (index + 0.5) / max(count, 1)
        logit = math.log(share / (1 - share)) / 1.7
        bucket = math.ceil(math.log(median * math.exp(spread * logit)) / math.log(GAMMA))
        found[bucket] = found.get(bucket, 0.0) + 1
    keys = sorted(found)
    return keys, [found[key] for key in keys]


def _wave(at: datetime, *minutes: float) -> float:
    """About 1, between 0.4 and 1.6, smooth over time."""
    seconds = at.timestamp()
    return 1 + 0.6 * sum(math.sin(seconds / 60 / length * math.tau) for length in minutes) / len(minutes)


TABLES = ("error_rates", "latencies", "metric_windows", "usage", "activity", "sessions", "ledger", "events_track")


class Sample:
    """Rows of the tables behind the pages, for a stretch of time."""

    def __init__(self, project: str = "default") -> None:
        self._project = project

    def rows(self, table: str, start: datetime, end: datetime) -> list[Row]:
        """A table's rows from `start` to `end`. Several calls for one stretch give the same rows."""
        step, make = {
            "error_rates": (WINDOW, self._error_rates),
            "latencies": (WINDOW, self._latencies),
            "metric_windows": (WINDOW, self._metrics),
            "usage": (QUARTER, self._usage),
            "activity": (QUARTER, self._activity),
            "sessions": (MINUTE, self._sessions),
            "ledger": (MINUTE, self._ledger),
            "events_track": (MINUTE, self._events),
        }[table]
        return [row for at in _steps(start, end, step) for row in make(at)]

    def _window(self, at: datetime, **columns: Any) -> Row:
        return {
            "window_start": int(at.timestamp()),
            "project": self._project,
            "environment": "production",
            "release": "1.4.2",
            "service": SERVICE,
            "source_topic": "clean.span",
            "version": (1 << 48) | int(at.timestamp()),
            **columns,
        }

    def _error_rates(self, at: datetime) -> Iterator[Row]:
        for number, (method, route, requests, _, failing) in enumerate(ENDPOINTS):
            count = max(1, round(requests * _wave(at + number * WINDOW, 3.1, 11, 97)))
            failed = round(count * failing * _wave(at, 2.3, 5.9) + 0.3 * (failing > 0.05))
            refused = round(count * 0.03 * _wave(at, 1.7, 7))
            yield self._window(at, route=route, method=method, requests=count, client_errors=refused,
                               server_errors=failed, exceptions=failed)  # fmt: skip

    def _latencies(self, at: datetime) -> Iterator[Row]:
        for number, (method, route, requests, median, _) in enumerate(ENDPOINTS):
            count = max(1, round(requests * _wave(at + number * WINDOW, 3.1, 11, 97)))
            yield self._durations(at, count, median * _wave(at + number * QUARTER, 4.3, 23), operation="request",
                                  route=route, method=method, statement="", db_system="")  # fmt: skip
        for number, (statement, calls, median) in enumerate(STATEMENTS):
            count = max(1, round(calls * _wave(at, 3.1, 11)))
            yield self._durations(at, count, median * _wave(at + number * QUARTER, 6.1, 31), operation="query",
                                  route="", method="", statement=statement, db_system="sqlite")  # fmt: skip

    def _durations(self, at: datetime, count: int, median: float, **columns: Any) -> Row:
        keys, counts = buckets_of(median, count)
        return self._window(
            at,
            count=count,
            sum_seconds=median * count * 1.16,
            min_seconds=GAMMA ** keys[0],
            max_seconds=GAMMA ** keys[-1],
            buckets=keys,
            bucket_counts=counts,
            exemplar_seconds=GAMMA ** keys[-1],
            exemplar_trace_id=md5(f"{at}{columns}".encode(), usedforsecurity=False).hexdigest(),
            **columns,
        )

    def _metrics(self, at: datetime) -> Iterator[Row]:
        used = round(4 * _wave(at, 2.7, 9))
        pool = "db.client.connection"
        yield self._gauge(at, f"{pool}.count", used, {f"{pool}.pool.name": "main", f"{pool}.state": "used"})
        yield self._gauge(at, f"{pool}.count", 8 - min(used, 8), {f"{pool}.pool.name": "main", f"{pool}.state": "idle"})
        yield self._gauge(at, f"{pool}.max", 10, {f"{pool}.pool.name": "main"})
        yield self._gauge(at, "process.cpu.utilization", 0.21 * _wave(at, 3.3, 13), {})
        yield self._gauge(at, "process.memory.usage", 148e6 + 9e6 * _wave(at, 17), {})

    def _gauge(self, at: datetime, name: str, value: float, attributes: dict[str, str]) -> Row:
        row = self._window(at, name=name, instrument="gauge", unit="1", min=value, max=value, last=value, sum=value)
        text = orjson.dumps(attributes, option=orjson.OPT_SORT_KEYS).decode()
        return {**row, "attributes": text, "last_at": at.timestamp(), "count": 1, "source_topic": "clean.metric"}

    def _usage(self, at: datetime) -> Iterator[Row]:
        for number, agent in enumerate(AGENTS):
            runs = round((34 - 6 * number) * _wave(at + number * QUARTER, 130, 700))
            yield self._window(
                at, event="agent_run", feature="run", agent=agent, count=runs, failures=runs // (9 + number)
            )
            yield self._window(at, event="agent_installed", feature="install", agent=agent, count=runs // 6, failures=0)

    def _activity(self, at: datetime) -> Iterator[Row]:
        for number in range(round(42 * _wave(at, 700, 1440))):
            person = f"{(number * 7 + at.toordinal() * 5) % 211:032x}"
            yield self._window(at, visitor=person, user="", events=3, features=["run"], cookieless=0)

    def _sessions(self, at: datetime) -> Iterator[Row]:
        for number in range(round(3 * _wave(at, 37, 211))):
            length = timedelta(seconds=30 + 400 * _wave(at + number * QUARTER, 19))
            yield {
                "project": self._project,
                "visitor": f"{(number * 7 + at.toordinal() * 5) % 211:032x}",
                "started_at": at.timestamp() + number,
                "ended_at": (at + length).timestamp(),
                "pageviews": 4,
                "events": 9,
                "source_topic": "clean.track",
                "first_offset": int(at.timestamp()) * 10 + number,
                "version": (1 << 48) | int(at.timestamp()),
            }

    def _ledger(self, at: datetime) -> Iterator[Row]:
        yield {
            "window_start": int(at.timestamp()),
            "project": self._project,
            "producer_id": "loader",
            "word": -1,
            "stored": round(600 * _wave(at, 37, 211)),
            "source_topic": "clean.track",
            "version": (1 << 48) | int(at.timestamp()),
        }

    def _events(self, at: datetime) -> Iterator[Row]:
        stamp = int(at.timestamp())
        yield {
            "event_id": str(UUID(int=stamp)),
            "project": self._project,
            "name": "agent_run",
            "type": "track",
            "occurred_at": stamp,
            "received_at": stamp,
            "properties": {"agent": AGENTS[stamp // 60 % len(AGENTS)], "steps": stamp % 7},
            "version": (1 << 48) | stamp,
        }


def _steps(start: datetime, end: datetime, step: timedelta) -> Iterator[datetime]:
    seconds = step.total_seconds()
    at = start - timedelta(seconds=start.timestamp() % seconds)
    while at < end:
        yield at
        at += step


def insert(client: httpx.Client, table: str, rows: list[Row]) -> None:
    """Writes rows, given as dicts, to a table of the database tidegate. Raises httpx.HTTPStatusError."""
    body = b"\n".join(orjson.dumps(row) for row in rows)
    client.post(
        "/", params={"query": f"INSERT INTO tidegate.{table} FORMAT JSONEachRow"}, content=body
    ).raise_for_status()
