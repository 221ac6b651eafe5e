"""Eight hours of events of every kind, some late, some too late; and how to spoil the rows that they make."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from clickhouse_connect.driver.client import Client

from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.topics import Kind

#: Recent, as ClickHouse drops rows past their table's TTL as they come; whole hours, so that ranges can be told apart.
BEGIN = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=2)
HOURS = 8
#: Once something has come so much after that, all of those hours are closed: the longest window is a day.
AFTER = BEGIN + timedelta(hours=32)
VISITORS = 12


def events(
    begin: datetime, hours: float, number: int, name: str, seed: int = 1
) -> Iterator[tuple[Kind, dict[str, Any]]]:
    """So many events in order of receipt; every tenth is minutes late, every fiftieth hours."""
    rng = random.Random(seed)
    for index in range(number):
        received = begin + timedelta(hours=hours) * index / number
        late = 4 * 3600 if index % 50 == 49 else rng.random() * 1800 if index % 10 == 9 else 0
        at = max(begin, received - timedelta(seconds=late))
        common = {
            "event_id": derived_event_id(name, str(index)),
            "producer_id": name,
            "sequence": index + 1,
            "project": rng.choice(("default", "other")),
            "environment": rng.choice(("production", None)),
            "release": rng.choice(("1.0", "1.1", None)),
            "service": "shop",
            "occurred_at": at,
            "received_at": received,
            "sample_rate": rng.choice((1.0, 1.0, 0.3)),
            "anonymous_id": f"{name}-{rng.randrange(VISITORS)}",
        }
        kind, event = rng.choice((_track, _track, _span, _error, _metric, _health))(common, rng)
        yield kind, {field: value for field, value in event.items() if value is not None}
        if index % 40 == 0:
            yield "log", _log(common, index)


def robot(begin: datetime, hours: int) -> Iterator[tuple[Kind, dict[str, Any]]]:
    """A visitor who never pauses: its sessions are cut by their cap, from where it began."""
    for index in range(hours * 3):
        at = begin + timedelta(minutes=20 * index)
        known = {"event_id": derived_event_id("robot", str(index)), "producer_id": "robot", "sequence": index + 1}
        common = {"project": "default", "occurred_at": at, "received_at": at, "anonymous_id": "robot"}
        yield "track", {**known, **common, "name": "poll"}


def _track(common: dict[str, Any], rng: random.Random) -> tuple[Kind, dict[str, Any]]:
    own = {
        "name": f"event_{rng.randrange(5)}",
        "type": rng.choice(("track", "track", "page", "identify")),
        "user_id": rng.choice((None, f"user-{rng.randrange(4)}")),
        "url": rng.choice((None, "https://example.org/a", "https://example.org/b")),
        "feature": rng.choice((None, "search")),
        "properties": json.dumps({"success": rng.random() < 0.7}),
    }
    return "track", {**common, **own}


def _span(common: dict[str, Any], rng: random.Random) -> tuple[Kind, dict[str, Any]]:
    own = {
        "name": "GET",
        "operation": rng.choice(("request", "request", "query")),
        "method": "GET",
        "route": rng.choice(("/a", "/b", None)),
        "status_code": rng.choice((200, 404, 500, None)),
        "status": rng.choice(("ok", "error", None)),
        "duration_seconds": rng.lognormvariate(-4, 1),
        "trace_id": common["event_id"].replace("-", ""),
    }
    return "span", {**common, **own}


def _log(common: dict[str, Any], index: int) -> dict[str, Any]:
    own = {
        "event_id": derived_event_id("log", common["event_id"]),
        "sequence": 0,
        "name": "log",
        "body": f"line {index}",
    }
    return {name: value for name, value in {**common, **own}.items() if value is not None}


def _error(common: dict[str, Any], rng: random.Random) -> tuple[Kind, dict[str, Any]]:
    own = {"name": "ValueError", "message": "no", "level": rng.choice(("error", "warning")), "route": "/a"}
    return "error", {**common, **own}


def _health(common: dict[str, Any], rng: random.Random) -> tuple[Kind, dict[str, Any]]:
    state = rng.choice(("ok", "exited", "crashed"))
    if rng.random() < 0.2:
        return "health", {**common, "name": "sessions", "report": "sessions", "state": state, "quantity": 3}
    own = {
        "name": "session",
        "report": "session",
        "session_id": f"session-{rng.randrange(40)}",
        "init": rng.random() < 0.5,
        "state": state,
        "errors": rng.choice((0, 0, 1)),
    }
    return "health", {**common, **own}


def _metric(common: dict[str, Any], rng: random.Random) -> tuple[Kind, dict[str, Any]]:
    attributes = rng.choice(({}, {"http.route": "/a", "weight": 1.0, "ok": True}, {"http": {"route": "/a"}, "n": 3}))
    instrument = rng.choice(("gauge", "counter", "histogram"))
    own: dict[str, Any] = {
        "name": f"{instrument}_{rng.randrange(2)}",
        "instrument": instrument,
        "unit": "1",
        "attributes": json.dumps(attributes, sort_keys=True, separators=(",", ":")),
        "started_at": common["occurred_at"] - timedelta(seconds=10),
        "value": rng.randrange(100) / 8,
    }
    if instrument == "counter":
        own |= {"temporality": "cumulative", "started_at": BEGIN - timedelta(hours=9), "producer_id": "counting"}
        own |= {"sequence": 0, "value": float(common["sequence"])}
    if instrument == "histogram":
        own |= {
            "temporality": "delta",
            "count": 6,
            "sum": 12.5,
            "bucket_bounds": [1.0, 5.0],
            "bucket_counts": [1, 2, 3],
        }
    return "metric", {**common, **own, "anonymous_id": None}


COUNTED = {
    "sessions": "events",
    "activity": "events",
    "usage": "count",
    "error_rates": "requests",
    "latencies": "count",
    "metric_windows": "count",
    "ledger": "stored",
    "release_health": "counted",
}


def spoil(client: Client) -> None:
    """Of the rows that are closed: lose a third, count another third wrong, and repeat the rest as incarnations."""
    for table, count in COUNTED.items():
        for changed, which in (
            (f"{count} * 2 + 1 AS {count}", "first_offset % 3 = 1"),
            ("first_offset + 1 AS first_offset", "first_offset % 3 = 2"),
        ):
            client.command(
                f"INSERT INTO tidegate.{table} SELECT * REPLACE ({changed}) FROM tidegate.{table} FINAL "
                f"WHERE final = 1 AND {which}"
            )
    for table in (*COUNTED, "identities"):
        lost = f"DELETE FROM tidegate.{table} WHERE final = 1 AND first_offset % 3 = 0"
        client.command(lost, settings={"lightweight_deletes_sync": 2})
