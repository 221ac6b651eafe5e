"""A plain input and what its totals must be: for tests that look for a loss or a double, not for a row."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.faults.stack import Stack

from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.topics import Kind
from tidegate_stream.flight import in_flight

BATCH = 400
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def batch(number: int) -> Iterator[tuple[Kind, dict[str, Any]]]:
    """Events of fifty visitors, a second apart."""
    for index in range(number * BATCH, (number + 1) * BATCH):
        at = NOON + timedelta(seconds=index)
        event = {"event_id": derived_event_id("kills", str(index)), "producer_id": "p", "sequence": index + 1}
        where = {"project": "default", "anonymous_id": f"v{index % 50}"}
        yield "track", {**event, **where, "name": f"event_{index % 7}", "occurred_at": at, "received_at": at}


def problems(stack: Stack, sent: int) -> list[str]:
    """What an undisturbed run would have had otherwise."""
    facts = {
        "archived": "SELECT count() FROM tidegate.events_track FINAL",
        "distinct": "SELECT uniqExact(event_id) FROM tidegate.events_track FINAL",
        "used": "SELECT sum(count) FROM analytics.usage",
        "active": "SELECT sum(events) FROM analytics.activity",
        "in sessions": "SELECT sum(events) FROM analytics.sessions",
    }
    found = {name: stack.ask(sql) for name, sql in facts.items()}
    wrong = [f"{name}: {number} of {sent}" for name, number in found.items() if number != sent]
    left = in_flight(stack.brokers)
    return wrong + ([f"uncommitted: {left}"] if left else [])
