"""Workers broken on purpose: the checks of the kill tests fail on each, and on the healthy one they don't."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults.stack import Stack, running
from tests.faults.totals import BATCH, batch, problems

pytestmark = [pytest.mark.faults, pytest.mark.broker, pytest.mark.clickhouse, pytest.mark.timeout(300)]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with running(tmp_path) as stack:
        yield stack


#: All events are in the clean topics first, so that the state which is lost is of a whole partition: had a part of its
#: events come later, they would have had the same rows written again, and even the broken worker would be right.
CASES = [("no emission after recovery", "changelog.after:1"), ("no fence", "insert.after:1")]


#: Aggregates that `problems` doesn't look at: a kill after the first insert is to be after one that it does look at.
UNWATCHED = "identities,ledger"


@pytest.mark.parametrize(("broken", "point"), CASES, ids=[case[0] for case in CASES])
def test_a_broken_worker_is_found_out(stack: Stack, broken: str, point: str) -> None:
    stack.publish(batch(0))
    stack.pass_gates(BATCH)
    stack.killed_at(point, WITHOUT=UNWATCHED)
    stack.drain(BROKEN=broken)
    assert problems(stack, BATCH) != []


@pytest.mark.parametrize("point", [case[1] for case in CASES])
def test_a_healthy_worker_after_the_same_kill_is_right(stack: Stack, point: str) -> None:
    stack.publish(batch(0))
    stack.pass_gates(BATCH)
    stack.killed_at(point, WITHOUT=UNWATCHED)
    stack.drain()
    assert problems(stack, BATCH) == []


def test_a_worker_that_never_commits_is_found_out_though_its_totals_are_right(stack: Stack) -> None:
    stack.publish(batch(0))
    stack.drain(20, BROKEN="never commits")
    assert [found.partition(":")[0] for found in problems(stack, BATCH)] == ["uncommitted"]


@pytest.mark.parametrize(("broken", "copies"), [("", 1), ("forgets ids on restart", 2)])
def test_copies_after_a_restart_count_only_if_ids_were_forgotten(stack: Stack, broken: str, copies: int) -> None:
    stack.publish(batch(0))
    stack.drain()
    stack.publish(batch(0))
    stack.drain(BROKEN=broken)
    assert stack.ask("SELECT count() FROM tidegate.events_track FINAL") == copies * BATCH


def test_a_worker_that_acknowledges_after_an_error_is_found_out(stack: Stack) -> None:
    stack.publish(batch(0))
    stack.drain(BROKEN="acks on error", TIDEGATE_FAILPOINT="archive_insert.before:1:raise")
    stack.drain()
    assert problems(stack, BATCH) != []


def test_a_healthy_worker_after_the_same_error_is_right(stack: Stack) -> None:
    stack.publish(batch(0))
    stack.fails_at("archive_insert.before:1")
    stack.drain()
    assert problems(stack, BATCH) == []


@pytest.mark.parametrize(("broken", "copies"), [("", 1), ("gate without its transaction", 2)])
def test_a_kill_amid_the_gates_writing_doubles_only_without_a_transaction(
    stack: Stack, broken: str, copies: int
) -> None:
    stack.publish(batch(0))
    stack.killed_at("transaction_written:1", BROKEN=broken)
    stack.drain()
    ids = stack.clean_ids()
    assert len(set(ids)) == BATCH
    assert (len(ids) > BATCH) == (copies > 1)
    assert (problems(stack, BATCH) != []) == (copies > 1)
