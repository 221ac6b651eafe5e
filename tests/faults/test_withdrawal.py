"""A withdrawal from end to end: what comes late is stopped, and what is stored is erased, with workers in between."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.faults.stack import Stack, running

from tidegate_infra.privacy.rights.erase import Eraser
from tidegate_infra.privacy.rights.receipts import LOGICALLY, Receipts
from tidegate_infra.privacy.rights.store import Store
from tidegate_infra.privacy.rights.stream import Stream
from tidegate_infra.privacy.withdrawals import asked_for, carry_out
from tidegate_schemas.identity import new_event_id
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
        receipts, known = Receipts(stack.client), KnownErasures(stack.brokers)
        stream = Stream(stack.brokers, 1)
        eraser = Eraser(Store(stack.client), stream, receipts, timedelta(days=8))
        (done,) = carry_out(known, receipts, eraser, lambda: datetime.now(UTC))
        assert (done.stage, done.asked_from, done.erased_events) == (LOGICALLY, "consent", 3)
        assert asked_for(known, receipts) == []
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
