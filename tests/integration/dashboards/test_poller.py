"""The shared poller against the real engine, and against none."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tidegate_dashboards.catalogue import load
from tidegate_dashboards.clock import ManualClock, SystemClock
from tidegate_dashboards.metrics import DashboardMetrics
from tidegate_dashboards.poller import Poller, Snapshot, View
from tidegate_dashboards.ranges import RANGES
from tidegate_dashboards.reader import Reader
from tidegate_dashboards.sample import insert
from tidegate_infra.clickhouse import fixture
from tidegate_sinks import migrate
from tidegate_sinks.clickhouse import Address, connect

pytestmark = pytest.mark.clickhouse


def poller_of(reader: Reader, metrics: DashboardMetrics | None = None) -> Poller:
    return Poller(reader, load(), SystemClock(), 0.05, metrics or DashboardMetrics())


def view(project: str, *queries: str) -> View:
    return View(project, RANGES[0], queries or ("requests",))


def request_row(project: str, requests: int) -> dict[str, object]:
    return {
        "window_start": int(datetime.now(UTC).timestamp()) // 10 * 10,
        "project": project,
        "requests": requests,
        "version": requests,
    }


async def test_new_rows_reach_a_listener_by_themselves(reader: Reader, writer: httpx.Client, project: str) -> None:
    poller = poller_of(reader)
    seen: asyncio.Queue[Snapshot] = asyncio.Queue()
    poller.watch(seen.put_nowait, view(project))
    task = asyncio.create_task(poller.run())

    assert len((await asyncio.wait_for(seen.get(), 10)).results["requests"]) == 0
    insert(writer, "error_rates", [request_row(project, 7)])
    while not len((snapshot := await asyncio.wait_for(seen.get(), 10)).results["requests"]):
        continue

    task.cancel()
    (row,) = snapshot.results["requests"]
    assert row["requests"] == 7


async def test_two_sessions_with_one_view_cost_one_round(reader: Reader, project: str) -> None:
    poller = poller_of(reader)
    one: list[Snapshot] = []
    other: list[Snapshot] = []
    poller.watch(one.append, view(project))
    poller.watch(other.append, view(project))

    await poller.round()

    assert len(one) == len(other) == 1
    assert one[0] is other[0]


async def test_numbers_stay_known_when_clickhouse_goes_away(project: str, tmp_path: Path) -> None:
    with fixture.start(tmp_path) as running:
        migrate.apply(connect(Address(running.url, "writer", running.writer_password)))
        reader = Reader(running.url, timeout_seconds=5)
        poller = Poller(reader, load(), SystemClock(), 0, DashboardMetrics())
        seen: list[Snapshot] = []
        poller.watch(seen.append, view(project, "requests", "sessions"))
        await poller.round()
    while not (seen[-1].trouble and seen[-1].trouble.kind == "away"):
        await poller.round()
    await reader.close()

    assert seen[0].trouble is None
    assert set(seen[-1].results) == {"requests", "sessions"}


async def test_a_query_that_was_just_answered_is_not_asked_again(
    reader: Reader, writer: httpx.Client, project: str
) -> None:
    clock = ManualClock(datetime.now(UTC))
    poller = Poller(reader, load(), clock, 1.0, DashboardMetrics())
    seen: list[Snapshot] = []
    poller.watch(seen.append, view(project))

    await poller.round()
    insert(writer, "error_rates", [request_row(project, 7)])
    clock.advance(0.9)
    await poller.round()
    clock.advance(0.1)
    await poller.round()

    assert [len(snapshot.results["requests"]) for snapshot in seen] == [0, 0, 1]


async def test_a_newcomer_sees_at_once_what_is_known(reader: Reader, project: str) -> None:
    poller = poller_of(reader)
    poller.watch(lambda _: None, view(project))
    await poller.round()
    seen: list[Snapshot] = []

    poller.watch(seen.append, view(project))

    assert len(seen) == 1


async def test_nobody_watching_means_no_queries(reader: Reader, project: str) -> None:
    metrics = DashboardMetrics()
    poller = poller_of(reader, metrics)
    seen: asyncio.Queue[Snapshot] = asyncio.Queue()
    task = asyncio.create_task(poller.run())
    poller.watch(seen.put_nowait, view(project))
    await asyncio.wait_for(seen.get(), 10)

    poller.unwatch(seen.put_nowait)
    await poller.round()

    task.cancel()
    assert seen.empty()
    assert poller.last == {}
    assert metrics.registry.get_sample_value("tidegate_dashboard_watchers") == 0


async def test_a_listener_that_fails_does_not_disturb_the_others(reader: Reader, project: str) -> None:
    poller = poller_of(reader)
    seen: list[Snapshot] = []

    def broken(_: Snapshot) -> None:
        raise ZeroDivisionError

    poller.watch(broken, view(project))
    poller.watch(seen.append, view(project))
    await poller.round()

    assert len(seen) == 1


async def test_clickhouse_that_comes_later_and_without_tables_is_told_apart(tmp_path: Path) -> None:
    with fixture.start(tmp_path / "first") as first:
        port = first.port
    reader = Reader(f"http://127.0.0.1:{port}", timeout_seconds=5)
    poller = poller_of(reader)
    seen: list[Snapshot] = []
    poller.watch(seen.append, view("default"))

    await poller.round()
    await poller.round()
    running = fixture.launch(tmp_path / "second", port)
    try:
        await poller.round()
    finally:
        running.process.terminate()
        running.process.wait(20)
        await reader.close()

    away, still, empty = seen
    assert away.trouble is not None
    assert still.trouble is not None
    assert empty.trouble is not None
    assert (away.trouble.kind, still.trouble.kind, empty.trouble.kind) == ("away", "away", "empty")
    assert still.trouble.since == away.trouble.since
    assert f"http://127.0.0.1:{port}" in away.trouble.message
