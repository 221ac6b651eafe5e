"""An agent that is new on a topic which others have committed long ago."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.faults.stack import running
from tests.faults.totals import BATCH, batch, problems

pytestmark = [pytest.mark.faults, pytest.mark.broker, pytest.mark.clickhouse, pytest.mark.timeout(300)]


def test_a_new_agent_begins_at_the_beginning_of_the_log_and_nobody_else_counts_twice(tmp_path: Path) -> None:
    with running(tmp_path) as stack:
        stack.publish(batch(0))
        stack.drain(WITHOUT="usage")
        assert problems(stack, BATCH) == [f"used: 0 of {BATCH}"]
        stack.publish(batch(1))
        stack.drain()
        assert problems(stack, 2 * BATCH) == []
