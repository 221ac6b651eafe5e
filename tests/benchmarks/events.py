"""Events for the benchmarks: the four kinds in the proportions of a small web service, from a seed."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from tidegate_schemas.identity import new_event_id
from tidegate_schemas.topics import Kind

ROUTES = tuple(f"/things/{number}/{{id}}" for number in range(20))
VISITORS = 2_000


def some_events(number: int, begin: datetime | None = None, seed: int = 5) -> Iterator[tuple[Kind, dict[str, Any]]]:
    """Events a millisecond apart, which ended now unless `begin` is given."""
    rng = random.Random(seed)
    begin = begin or datetime.now(UTC) - timedelta(milliseconds=number)
    for index in range(number):
        at = begin + timedelta(milliseconds=index)
        common = {
            "event_id": new_event_id(),
            "producer_id": "bench",
            "sequence": index + 1,
            "project": "default",
            "service": "bench",
            "release": "bench@1",
            "occurred_at": at,
            "received_at": at,
            "anonymous_id": f"visitor-{rng.randrange(VISITORS)}",
            "ip": f"203.0.113.{rng.randrange(255)}",
            "url": f"https://example.org/things?q={rng.randrange(1000)}",
        }
        yield _kinds[rng.randrange(len(_kinds))](common, rng)


def _track(common: dict[str, Any], rng: random.Random) -> tuple[Kind, dict[str, Any]]:
    properties = f'{{"mail":"someone{rng.randrange(1000)}@example.org","price":{rng.randrange(100)}}}'
    return "track", {**common, "name": f"event_{rng.randrange(30)}", "feature": "bench", "properties": properties}


def _span(common: dict[str, Any], rng: random.Random) -> tuple[Kind, dict[str, Any]]:
    own = {
        "operation": "request",
        "method": "GET",
        "route": rng.choice(ROUTES),
        "status_code": rng.choice((200, 200, 404, 500)),
    }
    return "span", {**common, "name": "GET", **own, "duration_seconds": rng.lognormvariate(-4, 1)}


def _error(common: dict[str, Any], rng: random.Random) -> tuple[Kind, dict[str, Any]]:
    return "error", {
        **common,
        "name": "ValueError",
        "message": f"no such thing: {rng.randrange(50)}",
        "route": rng.choice(ROUTES),
    }


def _metric(common: dict[str, Any], rng: random.Random) -> tuple[Kind, dict[str, Any]]:
    own = {"instrument": "gauge", "unit": "1", "value": rng.random(), "started_at": common["occurred_at"]}
    return "metric", {**common, "name": f"gauge_{rng.randrange(10)}", **own, "anonymous_id": None}


_kinds = (_track, _track, _track, _track, _span, _span, _span, _span, _error, _metric)
