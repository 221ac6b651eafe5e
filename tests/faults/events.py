"""Events for runs that are compared row for row: of every kind, from a seed, with copies among them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.benchmarks.events import some_events

from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.subjects import raw_schema
from tidegate_schemas.topics import Kind

BATCH = 300
ENVELOPE = frozenset(raw_schema("log").names)
#: Recent, as ClickHouse drops rows past their table's TTL as they come; one time for both runs.
BEGIN = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=2)


def batch(number: int, events: int = BATCH) -> Iterator[tuple[Kind, dict[str, Any]]]:
    """Events of every kind; some visitors sign in, and one event in fifty is sent twice."""
    begin = BEGIN + timedelta(seconds=number * 20)
    for index, (kind, event) in enumerate(some_events(events, begin, seed=number)):
        known = {**event, "event_id": derived_event_id("sweep", str(number), str(index)), "sequence": 0}
        if kind == "track" and index % 10 == 0:
            known |= {"type": "identify", "name": "identify", "user_id": f"user-{index % 7}"}
        if index % 25 == 7:
            yield "log", _log(known)
        elif index % 25 == 17:
            yield "health", _health(known, index)
        else:
            yield kind, known
        if index % 50 == 0:
            yield kind, known


def _log(event: dict[str, Any]) -> dict[str, Any]:
    """A log record with the event's envelope."""
    own = {"body": "paid by someone@example.org", "level": "info", "severity_number": 9}
    return {**_envelope(event), "name": "log", **own}


def _health(event: dict[str, Any], index: int) -> dict[str, Any]:
    """A session's report with the event's envelope: its begin, or how it ended."""
    state = ("ok", "exited", "crashed")[index % 3]
    own = {"report": "session", "session_id": f"run-{index // 100}", "state": state, "init": state == "ok"}
    return {**_envelope(event), "name": "session", **own}


def _envelope(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name in ENVELOPE and name != "properties"}
