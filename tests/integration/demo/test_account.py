"""Controls on the real engine: a planted loss, double, miscount or refusal ends the demo with status 1."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from clickhouse_connect.driver.client import Client
from typer.testing import CliRunner

from tidegate_dashboards.sample import insert
from tidegate_infra.addresses import ClickHouseAddress
from tidegate_infra.cli import app
from tidegate_infra.demo.measure import account, aggregates, arrived
from tidegate_infra.demo.run import Demo, Outcome
from tidegate_infra.demo.summary import Summary
from tidegate_sinks.clickhouse import Address, connect

pytestmark = pytest.mark.clickhouse
SENT = 5


@pytest.fixture
def client(tables: ClickHouseAddress) -> Client:
    return connect(Address(tables.url, "writer", tables.writer_password))


class Planted:
    """A project with five events, as an undisturbed run leaves them."""

    def __init__(self, writer: httpx.Client) -> None:
        self.project, self.began = f"p-{uuid4().hex[:8]}", time.time_ns() // 1000
        self.ids = [str(uuid4()) for _ in range(SENT)]
        self._writer, self._version = writer, 0

    def event(self, event_id: str, producer_id: str = "gateway:1") -> None:
        self._version += 1
        at = {"occurred_at": self.began / 1e6, "received_at": self.began / 1e6}
        row = {"event_id": event_id, "project": self.project, "name": "e", "type": "track", "visitor": "v", **at}
        row["producer_id"] = producer_id
        insert(self._writer, "events_track", [{**row, "sample_rate": 1, "version": self._version}])

    def refused(self, outcome: str, reason: str) -> None:
        """An event that the gateway, or the gate, would not have."""
        row = {"outcome_id": str(uuid4()), "project": self.project, "producer_id": "gateway:1", "outcome": outcome}
        insert(self._writer, "outcomes", [{**row, "minute": self.began / 1e6, "reason": reason, "quantity": 1}])

    def counted(self, number: int) -> None:
        """What the aggregates of product events say."""
        window = int(self.began / 1e6) // 900 * 900
        row = {"project": self.project, "version": number}
        insert(self._writer, "usage", [{**row, "window_start": window, "event": "e", "count": number}])
        insert(self._writer, "activity", [{**row, "window_start": window, "visitor": "v", "events": number}])
        times = {"started_at": self.began / 1e6, "ended_at": self.began / 1e6}
        insert(self._writer, "sessions", [{**row, **times, "visitor": "v", "events": number}])

    def summary(self, client: Client) -> Summary:
        sums = aggregates(client, self.project, self.began)
        return Summary(SENT, account(client, self.project), 0, None, 0, sums, {"broker": 1})


@pytest.fixture
def planted(writer: httpx.Client) -> Iterator[Planted]:
    yield Planted(writer)


def end_of_demo(summary: Summary, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, dict[str, Any]]:
    """Exit status and JSON of a demo that came to this summary."""

    async def run(_: Demo) -> Outcome:
        return Outcome(summary, {}, {})

    monkeypatch.setattr(Demo, "run", run)
    monkeypatch.setenv("TIDEGATE_HOME", str(folder))
    status = CliRunner().invoke(app, ["demo", "--chaos", "--json", str(folder / "demo.json")]).exit_code
    return status, json.loads((folder / "demo.json").read_text(encoding="utf-8"))


# Copies by which each event is stored, what the aggregates count, and what must be said of it.
CASES = {
    "all is well": ([1, 1, 1, 1, 1], 5, (0, 0, 0)),
    "a planted loss": ([1, 1, 0, 1, 1], 4, (1, 0, 1)),
    "a planted double": ([1, 1, 2, 1, 1], 6, (0, 1, 1)),
    "one of each": ([0, 1, 2, 1, 1], 5, (1, 1, 1)),
    "folded twice": ([1, 1, 1, 1, 1], 6, (0, 1, 1)),
    "not folded": ([1, 1, 1, 1, 1], 4, (0, 0, 1)),
}


@pytest.mark.parametrize("case", CASES)
def test_lost_and_doubled_are_told_and_decide_the_exit_status(
    case: str, planted: Planted, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies, counted, (lost, doubled, status) = CASES[case]
    for event_id, number in zip(planted.ids, copies, strict=True):
        for _ in range(number):
            planted.event(event_id)
    planted.counted(counted)

    ended, told = end_of_demo(planted.summary(client), tmp_path, monkeypatch)

    assert (told["lost"], told["doubled"], ended) == (lost, doubled, status)
    assert told["killed"] == 1


@pytest.mark.parametrize(
    ("outcome", "reason", "told_as", "status"),
    [
        ("dead_lettered", "invalid_field", {"invalid_field": 1}, 1),
        ("dropped", "unsupported_item", {"unsupported_item": 1}, 1),
        ("dropped", "consent_denied", {}, 0),  # a person's will
    ],
)
def test_a_healthy_event_that_was_refused_ends_the_demo_with_status_1_although_it_balances(
    outcome: str,
    reason: str,
    told_as: dict[str, int],
    status: int,
    planted: Planted,
    client: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for event_id in planted.ids[1:]:
        planted.event(event_id)
    planted.refused(outcome, reason)
    planted.counted(SENT - 1)

    ended, told = end_of_demo(planted.summary(client), tmp_path, monkeypatch)

    assert (told["missing"], told["lost"], told["refused"], ended) == (0, 0, told_as, status)


def test_what_has_arrived_is_known_by_id(planted: Planted, client: Client) -> None:
    for event_id in planted.ids[1:]:
        planted.event(event_id)
    found = arrived(client, planted.project, planted.began - 60_000_000)
    assert found == dict.fromkeys(planted.ids[1:], 1)
    assert arrived(client, planted.project, planted.began + 3_600_000_000) == {}


def test_a_person_who_looks_at_the_shop_neither_hides_a_loss_nor_unbalances_the_demo(
    planted: Planted, client: Client
) -> None:
    for event_id in planted.ids[1:]:
        planted.event(event_id)
    planted.event(str(uuid4()), "browser:0123456789abcdef0123456789abcdef")
    assert planted.summary(client).lost == 1
