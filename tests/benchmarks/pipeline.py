"""The whole embedded stack: how fast it drains pre-filled raw topics, and how fresh it is at 500 events/s."""

import asyncio
import statistics
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from tests.benchmarks.events import some_events

from tidegate.publish import KafkaPublisher
from tidegate_infra.broker import fixture as broker_fixture
from tidegate_infra.settings import Settings
from tidegate_infra.up import RunningStack, running_stack
from tidegate_sinks.clickhouse import Address, connect

T = TypeVar("T")
EVENTS = 300_000
RATE = 500
FRESH_SECONDS = 40
WARM_UP_SECONDS = 10
STORED = """
SELECT sum(number) FROM (
    SELECT count() AS number FROM tidegate.events_track FINAL UNION ALL SELECT count() FROM tidegate.events_span FINAL
    UNION ALL SELECT count() FROM tidegate.events_error FINAL UNION ALL SELECT count() FROM tidegate.events_metric FINAL
)
"""


def on_stack(settings: Settings, work: Callable[[RunningStack], Awaitable[T]]) -> T:
    """Do something on a running stack."""

    async def run() -> T:
        async with running_stack(settings, lambda _: None) as stack:
            await asyncio.wait_for(stack.ready.wait(), 120)
            return await work(stack)

    return asyncio.run(run())


def drain(home: Path) -> float:
    """Events/s from the first one stored to the last, all of them in raw topics before the worker starts."""
    with broker_fixture.start(home / "data" / "broker") as broker:
        publisher = KafkaPublisher(broker.bootstrap, queue_messages=400_000)
        for kind, event in some_events(EVENTS):
            publisher.publish(kind, event)
        assert publisher.close(120) == 0
        settings = Settings(home=home, brokers=broker.bootstrap)
        return on_stack(settings, lambda stack: asyncio.to_thread(_time_drain, stack))


def _time_drain(stack: RunningStack) -> float:
    client = connect(Address(stack.where.clickhouse_url))
    began, first = 0.0, 0
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        stored = int(client.query(STORED).result_rows[0][0])
        if stored and not began:
            began, first = time.monotonic(), stored
        if stored >= EVENTS:
            return (stored - first) / (time.monotonic() - began)
        threading.Event().wait(0.1)
    raise TimeoutError(f"{stored} of {EVENTS} events were stored in 300 s")


def freshness(home: Path) -> float:
    """p95 of the seconds from the publishing call to the event being counted by a query, at 500 events/s."""
    return on_stack(Settings(home=home), lambda stack: asyncio.to_thread(_watch, stack))


def feed(brokers: str, stop: threading.Event, rate: int = RATE) -> threading.Thread:
    """Publish events at a rate until told to stop."""

    def run() -> None:
        publisher = KafkaPublisher(brokers, client_id="bench")
        while not stop.is_set():
            began = time.monotonic()
            for kind, event in some_events(rate // 10, datetime.now(UTC), seed=time.monotonic_ns()):
                publisher.publish(kind, event)
            stop.wait(max(0.0, 0.1 - (time.monotonic() - began)))
        publisher.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def _watch(stack: RunningStack) -> float:
    """Marked events among the others, each watched until a query counts it."""
    stop, client = threading.Event(), connect(Address(stack.where.clickhouse_url))
    feeding = feed(stack.where.brokers, stop)
    publisher = KafkaPublisher(stack.where.brokers, client_id="probe")
    stop.wait(WARM_UP_SECONDS)
    waits, deadline, number = [], time.monotonic() + FRESH_SECONDS, 0
    while time.monotonic() < deadline:
        number += 1
        name, now = f"probe_{number}", datetime.now(UTC)
        probe = {"event_id": f"018f0000-0000-7000-8000-{number:012d}", "producer_id": "probe", "project": "default"}
        began = time.monotonic()
        publisher.publish(
            "track", {**probe, "name": name, "occurred_at": now, "received_at": now, "anonymous_id": name}
        )
        sql = "SELECT count() FROM analytics.events WHERE name = {name:String}"
        while int(client.query(sql, parameters={"name": name}).result_rows[0][0]) == 0:
            stop.wait(0.02)
        waits.append(time.monotonic() - began)
    stop.set()
    feeding.join()
    publisher.close()
    return statistics.quantiles(waits, n=20)[-1]
