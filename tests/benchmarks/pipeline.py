"""The whole embedded stack: how fast it drains pre-filled raw topics, and how fresh it is at a steady rate."""

import asyncio
import statistics
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from typing import Any, TypeVar

import psutil
from tests.benchmarks.events import some_events

from tidegate.errors import QueueFullError
from tidegate.publish import KafkaPublisher
from tidegate_infra.broker import fixture as broker_fixture
from tidegate_infra.settings import Settings
from tidegate_infra.up import RunningStack, running_stack
from tidegate_schemas.identity import new_event_id
from tidegate_schemas.topics import Kind
from tidegate_sinks.clickhouse import Address, connect
from tidegate_stream.flight import in_flight

T = TypeVar("T")
EVENTS = 300_000
RATE = 5_000
FRESH_SECONDS = 40
TEMPLATE_SECONDS = 4
WARM_UP_SECONDS = 10
LOST_SECONDS = 60
#: Cheap to ask often. What it says is checked at the end, as it counts rows that were written twice.
ROWS = """
SELECT sum(total_rows) FROM system.tables WHERE database = 'tidegate' AND name LIKE 'events\\_%'
"""
EXACT = """
SELECT
    (SELECT count() FROM analytics.events WHERE project = 'default')
        + (SELECT count() FROM analytics.spans WHERE project = 'default')
        + (SELECT count() FROM analytics.errors WHERE project = 'default')
        + (SELECT count() FROM analytics.metrics WHERE project = 'default'),
    (SELECT sum(count) FROM analytics.latencies WHERE project = 'default'),
    (SELECT sum(count) FROM analytics.usage WHERE project = 'default')
"""


def on_stack(settings: Settings, work: Callable[[RunningStack], Awaitable[T]]) -> T:
    """Do something on a running stack."""

    async def run() -> T:
        async with running_stack(settings, lambda _: None) as stack:
            await asyncio.wait_for(stack.ready.wait(), 120)
            return await work(stack)

    return asyncio.run(run())


@dataclass(frozen=True)
class Drained:
    """Events/s from the first ones stored until all are, with every aggregate, and all of it is committed.

    `cpu_seconds`: of each process of the stack in that time, for a million events.
    """

    events_per_second: float
    cpu_seconds: Mapping[str, float]


def drain(home: Path) -> Drained:
    """Drain events that are in the raw topics before the worker starts."""
    with broker_fixture.start(home / "data" / "broker", Settings(home=home).partitions) as broker:
        publisher = KafkaPublisher(broker.bootstrap, queue_messages=400_000)
        for kind, event in some_events(EVENTS):
            _put(publisher, kind, event)
        assert publisher.close(120) == 0
        settings = Settings(home=home, brokers=broker.bootstrap)
        return on_stack(settings, lambda stack: asyncio.to_thread(_time_drain, stack))


def _put(publisher: KafkaPublisher, kind: Kind, event: Mapping[str, Any]) -> None:
    """Publish as fast as the broker takes it."""
    while True:
        try:
            return publisher.publish(kind, event)
        except QueueFullError:
            publisher.flush(0.1)


def cpu_seconds(stack: RunningStack) -> dict[str, float]:
    """CPU time of each service up to now, and of the broker that was there before the stack."""
    services, found = {pid: name for name, pid in stack.service_pids().items()}, defaultdict[str, float](float)
    for child in psutil.Process().children():
        of_it = [child, *child.children(recursive=True)]
        found[services.get(child.pid, "broker")] += sum(sum(one.cpu_times()[:2]) for one in of_it)
    return dict(found)


def _time_drain(stack: RunningStack) -> Drained:
    client = connect(Address(stack.where.clickhouse_url))
    began, first, stored = 0.0, 0, 0
    before: dict[str, float] = {}
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        stored = int(client.query(ROWS).result_rows[0][0])
        if stored and not began:
            began, first, before = time.monotonic(), stored, cpu_seconds(stack)
        if stored >= EVENTS and in_flight(stack.where.brokers) == 0:
            seconds, after = time.monotonic() - began, cpu_seconds(stack)
            kinds = Counter(kind for kind, _ in some_events(EVENTS))
            found, expected = client.query(EXACT).result_rows, [(EVENTS, kinds["span"], kinds["track"])]
            assert found == expected, f"the tables hold {found}, not {expected}"
            million = (EVENTS - first) / 1e6
            return Drained(
                (EVENTS - first) / seconds,
                {name: (used - before.get(name, 0.0)) / million for name, used in after.items()},
            )
        threading.Event().wait(0.1)
    raise TimeoutError(f"{stored} of {EVENTS} events were stored in 300 s")


@dataclass(frozen=True)
class Fresh:
    """p95 of the seconds from the publishing call to the event being counted by a query, at `RATE`.

    `cores`: how many each process of the stack kept busy meanwhile.
    """

    p95_seconds: float
    cores: Mapping[str, float]


def freshness(home: Path) -> Fresh:
    """Watch single events among many."""
    return on_stack(Settings(home=home), lambda stack: asyncio.to_thread(_watch, stack))


def feed(brokers: str, stop: threading.Event, rate: int = RATE) -> threading.Thread:
    """Publish events at a rate until told to stop: the same ones again and again, but for ids and times.

    To make each anew took a third of a core that the stack would have had.
    """
    templates = list(some_events(rate * TEMPLATE_SECONDS))

    def run() -> None:
        publisher, next_ones = KafkaPublisher(brokers, client_id="bench"), cycle(templates)
        while not stop.is_set():
            began, now = time.monotonic(), datetime.now(UTC)
            for kind, event in islice(next_ones, rate // 10):
                times = {"occurred_at": now, "received_at": now}
                publisher.publish(kind, {**event, **times, "event_id": new_event_id()})
            stop.wait(max(0.0, 0.1 - (time.monotonic() - began)))
        publisher.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def _watch(stack: RunningStack) -> Fresh:
    """Marked events among the others, each watched until a query counts it."""
    stop, client = threading.Event(), connect(Address(stack.where.clickhouse_url))
    feeding = feed(stack.where.brokers, stop)
    publisher = KafkaPublisher(stack.where.brokers, client_id="probe")
    stop.wait(WARM_UP_SECONDS)
    waits, began_all, number, before = [], time.monotonic(), 0, cpu_seconds(stack)
    while time.monotonic() < began_all + FRESH_SECONDS:
        number += 1
        name, now = f"probe_{number}", datetime.now(UTC)
        probe = {"event_id": f"018f0000-0000-7000-8000-{number:012d}", "producer_id": "probe", "project": "default"}
        began = time.monotonic()
        publisher.publish(
            "track", {**probe, "name": name, "occurred_at": now, "received_at": now, "anonymous_id": f"device-{number}"}
        )
        sql = "SELECT count() FROM analytics.events WHERE name = {name:String}"
        while int(client.query(sql, parameters={"name": name}).result_rows[0][0]) == 0:
            if time.monotonic() - began > LOST_SECONDS:
                raise TimeoutError(f"event {number} was not visible within {LOST_SECONDS} s")
            stop.wait(0.02)
        waits.append(time.monotonic() - began)
    seconds, after = time.monotonic() - began_all, cpu_seconds(stack)
    stop.set()
    feeding.join()
    publisher.close()
    cores = {name: (used - before.get(name, 0.0)) / seconds for name, used in after.items()}
    return Fresh(statistics.quantiles(waits, n=20)[-1], cores)
