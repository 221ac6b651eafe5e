"""A worker that runs, and reads, and commits nothing: it ends itself, and the next one replays."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.faults.stack import running
from tests.faults.totals import BATCH, batch, problems

from tidegate_stream.flight import in_flight
from tidegate_stream.transport.app import EXIT_FAILED

pytestmark = [pytest.mark.faults, pytest.mark.broker, pytest.mark.clickhouse, pytest.mark.timeout(300)]
STUCK_SECONDS = 4.0
END_SECONDS = 40.0


def test_a_stuck_commit_ends_the_worker_and_the_next_one_counts_everything_once(tmp_path: Path) -> None:
    with running(tmp_path) as stack:
        stack.publish(batch(0))
        worker = stack.worker(BROKEN="never commits", STUCK_SECONDS=str(STUCK_SECONDS))
        try:
            assert worker.wait(END_SECONDS) == EXIT_FAILED
        finally:
            worker.kill()
        assert "StuckCommitError" in stack.log()
        assert in_flight(stack.brokers) >= BATCH
        stack.drain(STUCK_SECONDS=str(STUCK_SECONDS))
        assert problems(stack, BATCH) == []


def test_control_a_worker_with_nothing_to_commit_is_not_stuck(tmp_path: Path) -> None:
    """Else the watch would end workers for being idle."""
    with running(tmp_path) as stack:
        stack.publish(batch(0))
        stack.drain()
        worker = stack.worker(STUCK_SECONDS=str(STUCK_SECONDS))
        try:
            with pytest.raises(subprocess.TimeoutExpired):
                worker.wait(5 * STUCK_SECONDS)
        finally:
            worker.terminate()
            assert worker.wait(30) == 0, stack.log()
