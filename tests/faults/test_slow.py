"""A slow ClickHouse means lag, not memory. `SLOW_SECONDS=600` for ten minutes of it."""

from __future__ import annotations

import os
import time
from collections import Counter
from pathlib import Path

import pytest
from tests.faults.events import batch
from tests.faults.matrix.run import BATCH_EVENTS, Run, run_of
from tests.faults.matrix.tidegate import ARCHIVED, Tidegate

from tidegate_infra.processes import pss_bytes

pytestmark = [pytest.mark.faults, pytest.mark.broker, pytest.mark.clickhouse, pytest.mark.timeout(1500)]
SECONDS = float(os.environ.get("SLOW_SECONDS", "60"))
#: Their event time is longer than a window stays open: from then on state doesn't grow.
WARM_BATCHES = 190
WARM_SECONDS = 30.0
DELAY_SECONDS = 2.0
EVENTS = 300
GROWTH_BYTES = 120 << 20


def traffic(run: Run, seconds: float) -> None:
    """A batch a second, at most."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        began = time.monotonic()
        run.stack.publish(batch(run.fed, EVENTS))
        run.fed += 1
        time.sleep(max(0.0, 1 - (time.monotonic() - began)))  # the pace of the traffic


def sent(run: Run) -> Counter[str]:
    """Ids of what was sent, each once: by `feed` first, by `traffic` then."""
    fed = (batch(number, BATCH_EVENTS if number < WARM_BATCHES else EVENTS) for number in range(run.fed))
    return Counter({str(event["event_id"]): 1 for events in fed for _, event in events})


def test_a_slow_clickhouse_costs_lag_and_no_memory(tmp_path: Path) -> None:
    with run_of(Tidegate({}), tmp_path, tmp_path) as run:
        while run.fed < WARM_BATCHES:
            run.feed()
        run.drain()
        run.engine.link.delay_seconds = DELAY_SECONDS
        traffic(run, WARM_SECONDS)
        worker = run.workers.pid()
        before = pss_bytes(worker)
        traffic(run, SECONDS)
        lag, after = run.system.left(run), pss_bytes(run.workers.pid())
        run.engine.link.delay_seconds = 0.0
        run.drain()
        assert lag > EVENTS
        assert run.system.left(run) == 0
        assert run.workers.pid() == worker, "a commit was stuck for so long that the worker ended itself"
        assert Counter(str(row[0]) for row in run.stack.client.query(ARCHIVED).result_rows) == sent(run)
    assert before > 0
    assert after - before < GROWTH_BYTES, f"{before >> 20} MB, after {SECONDS:g} s {after >> 20} MB"
