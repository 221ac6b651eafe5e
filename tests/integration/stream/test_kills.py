"""kill -9 at some points between fetch and commit: the tables end as those of an undisturbed run, and commits move.

`make faults` has all points (tests/faults/test_sweep.py).

A worker that never commits would pass every total, since it replays from the beginning; so the committed offsets are
checked too. The control is a worker that commits too early, on which the same check must fail.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults.stack import Stack, running
from tests.faults.totals import BATCH, batch, problems


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with running(tmp_path) as stack:
        yield stack


POINTS = (
    "transaction_written:1",
    "changelog.after:2",
    "insert.after:3",
    "commit.before:2",
)


@pytest.mark.broker
@pytest.mark.clickhouse
@pytest.mark.timeout(400)
def test_killed_at_each_point_the_tables_end_as_those_of_one_run(stack: Stack) -> None:
    """Every other worker takes what it reads for a backlog."""
    for number, point in enumerate(POINTS):
        stack.publish(batch(number))
        stack.killed_at(point, BACKLOG="1" if number % 2 else "")
    stack.publish(batch(len(POINTS)))
    stack.drain()
    assert problems(stack, BATCH * (len(POINTS) + 1)) == []


@pytest.mark.broker
@pytest.mark.clickhouse
@pytest.mark.timeout(200)
def test_control_a_worker_that_commits_too_early_is_found_out(stack: Stack) -> None:
    stack.publish(batch(0))
    stack.killed_at("archive_insert.before:1", BROKEN="commits before durable")
    stack.drain()
    assert any(problem.startswith("archived") for problem in problems(stack, BATCH))
