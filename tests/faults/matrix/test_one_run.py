"""Faults one after the other in one run, where the matrix has a run for each."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.faults.matrix.process_faults import PROCESS_FAULTS
from tests.faults.matrix.run import Run, finish, run_of
from tests.faults.matrix.tidegate import Tidegate

pytestmark = [pytest.mark.faults, pytest.mark.broker, pytest.mark.clickhouse, pytest.mark.timeout(400)]


def test_joining_refusing_and_dying_in_one_run_lose_and_double_nothing(tmp_path: Path) -> None:
    """A worker joins, ClickHouse refuses, ClickHouse is killed; by id and by totals, not row for row."""
    system = Tidegate({})
    with run_of(system, tmp_path, tmp_path) as run:
        for name in ("rebalance: a worker joins", "ClickHouse refuses: too many parts", "ClickHouse down"):
            PROCESS_FAULTS[name].strike(run)
        finish(run)
        row = system.row(run, "joining, refusing, dying")
        assert (row.lost, row.doubled) == (0, 0)
        assert counts_agree(run)


def counts_agree(run: Run) -> bool:
    """Whether the aggregates count what the archive holds; signing in is no use of a feature."""
    ask = run.stack.ask
    archived = ask("SELECT count() FROM tidegate.events_track FINAL")
    used = ask("SELECT count() FROM tidegate.events_track FINAL WHERE type != 'identify'")
    return (
        ask("SELECT sum(count) FROM analytics.usage") == used
        and ask("SELECT sum(events) FROM analytics.activity") == archived
        and ask("SELECT sum(events) FROM analytics.sessions") == archived
    )
