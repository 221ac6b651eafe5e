"""A withdrawal from end to end: what comes late is stopped, and what is stored is erased, with workers in between."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.faults.stack import Stack, running
from tests.waiting import wait_until

from tidegate_infra.errors import RightsError
from tidegate_infra.jobs import Jobs, JobState, jobs_of
from tidegate_infra.privacy.rights.erase import Eraser
from tidegate_infra.privacy.rights.receipts import LOGICALLY, Receipts
from tidegate_infra.privacy.rights.store import Store
from tidegate_infra.privacy.rights.stream import Stream
from tidegate_infra.privacy.withdrawals import asked_for
from tidegate_infra.settings import Settings
from tidegate_schemas.identity import new_event_id
from tidegate_stream.erasure import Erasure
from tidegate_stream.flight import in_flight
from tidegate_stream.gate.erasures import KnownErasures

NOW = datetime.now(UTC)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with running(tmp_path) as stack:
        yield stack


def event(minutes_ago: int, **fields: Any) -> dict[str, Any]:
    own = {"event_id": new_event_id(), "producer_id": "sdk:1", "project": "default", "name": "open"}
    at = NOW - timedelta(minutes=minutes_ago)
    return {**own, "occurred_at": at, "received_at": NOW, "anonymous_id": "phone", **fields}


def decided(minutes_ago: int, state: str, **fields: Any) -> dict[str, Any]:
    said = {"state": state, "version": "3", "erase": state == "withdrawn"}
    return event(minutes_ago, name="consent", properties=json.dumps(said), **fields)


class CutShort(Store):
    """Fails once the log has the erasure, before any table has."""

    def left(self, erasure: Erasure) -> dict[str, int]:
        raise RightsError(f"cut short, with {len(erasure.positions)} positions")


async def ran(stack: Stack, interval_seconds: float) -> list[JobState]:
    """Run what `tidegate up` schedules until all of it ended well once; nothing where nothing is scheduled."""
    settings = Settings(
        home=stack.home,
        brokers=stack.brokers,
        clickhouse_url=stack.engine.url,
        clickhouse_password=stack.engine.writer_password,
        erase_withdrawn_interval_seconds=interval_seconds,
    )
    said, ready = list[str](), asyncio.Event()
    jobs = Jobs(jobs_of(settings, {}), stack.home, said.append)
    running = asyncio.create_task(jobs.run(ready))
    ready.set()
    async with asyncio.timeout(60):
        while not all(state.succeeded_at for state in jobs.states.values()):
            assert said == []
            await asyncio.sleep(0.1)
    running.cancel()
    await asyncio.wait([running])
    return list(jobs.states.values())


@pytest.mark.faults
@pytest.mark.broker
@pytest.mark.clickhouse
@pytest.mark.timeout(300)
def test_a_withdrawal_stops_what_comes_late_and_erases_what_is_stored(stack: Stack) -> None:
    stack.publish([("track", decided(30, "granted")), ("track", event(25)), ("error", event(24, level="error"))])
    stack.publish([("track", event(24, anonymous_id="laptop"))])
    stack.drain()
    assert stack.ask("SELECT count() FROM analytics.events") == 3
    stack.publish([("track", decided(20, "withdrawn", consent="denied"))])
    stack.drain()
    stack.publish([("track", event(22)), ("error", event(21, level="error"))])
    worker = stack.worker()
    try:
        wait_until(lambda: not in_flight(stack.brokers), 60, "nothing in flight")
        assert asyncio.run(ran(stack, 0.0)) == []
        assert stack.ask("SELECT count() FROM analytics.events") == 3  # the control: nobody is told to erase

        receipts, known, stream = Receipts(stack.client), KnownErasures(stack.brokers), Stream(stack.brokers, 1)
        (early,) = asked_for(known, receipts)
        with pytest.raises(RightsError, match=r"cut short, with [1-9]"):
            Eraser(CutShort(stack.client), stream, receipts, timedelta(days=8)).erase(early, lambda: NOW)
        assert len(asked_for(known, receipts)) == 1  # taken up where it was left

        asyncio.run(ran(stack, 0.1))
        assert asked_for(known, receipts) == []
        (done,) = receipts.find()
        assert (done.stage, done.asked_from, done.erased_events) == (LOGICALLY, "consent", 3)
        assert stack.ask("SELECT count() FROM analytics.events") == 1
        # Another process, which began before this one had ended: it finds nothing, and takes no count back.
        again = Eraser(Store(stack.client), stream, receipts, timedelta(days=8)).erase(early, lambda: NOW)
        assert (again.stage, again.erased_events, again.row_counts) == (LOGICALLY, 3, done.row_counts)
        assert receipts.find() == [again]
        known.close()
    finally:
        worker.terminate()
        worker.wait(30)
    stack.drain()
    assert stack.ask("SELECT count() FROM analytics.events") == 1  # the laptop's
    assert stack.ask("SELECT count() FROM analytics.errors") == 0
    dropped = stack.client.query(
        "SELECT reason, sum(quantity) FROM analytics.outcomes WHERE reporter = 'gate' GROUP BY 1"
    )
    assert {"consent_denied": 1, "consent_withdrawn": 2}.items() <= {
        str(row[0]): int(row[1]) for row in dropped.result_rows
    }.items()
    assert stack.ask("SELECT sum(withdrawn) FROM analytics.consents") == 1
