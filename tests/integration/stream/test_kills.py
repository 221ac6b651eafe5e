"""kill -9 at named points between fetch and commit: the tables end as those of an undisturbed run, and commits move.

A worker that never commits would pass every total, since it replays from the beginning; so the committed offsets are
checked too. The control is a worker that commits too early, on which the same check must fail.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.faults.stack import Stack, running

from tidegate_infra.demo.measure import in_flight
from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.topics import Kind

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


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with running(tmp_path) as stack:
        yield stack


POINTS = (
    "before_passing:2",
    "passed:2",
    "folded:2",
    "changelog_acked:2",
    "sink_done:3",
    "archived:1",
    "before_commit:2",
)


@pytest.mark.broker
@pytest.mark.clickhouse
@pytest.mark.timeout(400)
def test_killed_at_each_point_the_tables_end_as_those_of_one_run(stack: Stack) -> None:
    for number, point in enumerate(POINTS):
        stack.publish(batch(number))
        stack.killed_at(point)
    stack.publish(batch(len(POINTS)))
    stack.drain()
    assert problems(stack, BATCH * (len(POINTS) + 1)) == []


@pytest.mark.broker
@pytest.mark.clickhouse
@pytest.mark.timeout(200)
def test_control_a_worker_that_commits_too_early_is_found_out(stack: Stack) -> None:
    stack.publish(batch(0))
    stack.killed_at("before_archive:1", BROKEN="commits before durable")
    stack.drain()
    assert any(problem.startswith("archived") for problem in problems(stack, BATCH))
