"""`faust_vanilla.py JOB BROKERS RECORDS HOME`: Faust as its documentation has it, one event at a time.

An agent a topic; results sent by `topic.send` to the event's own partition; the windows in a `Table`, whose changelog
is the state's only other copy. `group_by` would send every event through Kafka once more, so keys stay where they are,
in tables by partition, as in Tidegate. Rows that changed are sent each second, as Tidegate's flush does; of the job
`rows`, to ClickHouse, in one insert for each table.
It promises at least once, Tidegate exactly once.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import faust
from tests.benchmarks.peers import record_rows as rows
from tests.benchmarks.peers import record_windows as windows
from tests.benchmarks.peers.finish import Clock
from tests.benchmarks.peers.record_gate import RecordGate
from tests.vanilla_faust import PARTITIONS, app_in

from tidegate_schemas.topics import KINDS, Kind, clean_topic, raw_topic
from tidegate_sinks.clickhouse import Address, connect
from tidegate_sinks.writer import INSERT_SETTINGS

FLUSH_SECONDS = 1.0


def add_gate(app: faust.App, clock: Clock, keys: Path) -> None:
    """An agent for each raw topic."""
    gate = RecordGate(keys)
    for kind in KINDS:
        _gate_agent(app, clock, gate, raw_topic(kind), clean_topic(kind))


def _gate_agent(app: faust.App, clock: Clock, gate: RecordGate, source: str, target: str) -> None:
    raw = app.topic(source, value_serializer="raw", partitions=PARTITIONS)
    clean = app.topic(target, value_serializer="raw", partitions=PARTITIONS)

    async def pass_on(stream: Any) -> None:
        async for event in stream.events():
            last = clock.saw()
            passed = gate.take(source, event.message.offset, event.value)
            if passed is not None:
                await clean.send(key=passed.key, value=passed.value, partition=event.message.partition)
            if last:
                await finish(app, clock)

    app.agent(raw, name=f"gate.{source}")(pass_on)


def add_windows(app: faust.App, clock: Clock) -> None:
    """An agent for the clean spans, and a timer that sends what changed."""
    spans = app.topic(clean_topic("span"), value_serializer="raw", partitions=PARTITIONS)
    snapshots = app.topic(windows.TOPIC, value_serializer="raw", partitions=PARTITIONS)
    table = app.Table("windows", default=windows.empty, partitions=PARTITIONS)
    changed: set[tuple[int, str]] = set()

    async def send() -> None:
        sent = [windows.snapshot(key.encode(), window, table[window, key]) for window, key in changed]
        changed.clear()
        for name, value in sent:
            await snapshots.send(key=name, value=value)

    async def fold(stream: AsyncIterator[bytes]) -> None:
        async for value in stream:
            last = clock.saw()
            span = windows.decoded(value)
            place = windows.window_of(span), windows.span_key(span).decode()
            table[place] = windows.add(table[place], span)
            changed.add(place)
            if last:
                await send()
                await finish(app, clock)

    app.agent(spans, name="fold")(fold)  # type: ignore[arg-type]  # a stream is an async iterator
    start: Callable[[Callable[[], Awaitable[None]]], object] = app.timer(FLUSH_SECONDS)
    start(send)


class Rows:
    """All aggregates in tables, and what waits for ClickHouse."""

    def __init__(self, app: faust.App) -> None:
        address = Address(os.environ["CLICKHOUSE_URL"], "writer", os.environ["CLICKHOUSE_PASSWORD"])
        self._client, self._waiting = connect(address), defaultdict[str, list[rows.Row]](list)
        self._aggregates = rows.Aggregates(lambda name: app.Table(name, partitions=PARTITIONS))
        self._versions, self._inserting = 0, asyncio.Lock()

    def add(self, kind: Kind, partition: int, offset: int, value: bytes) -> None:
        """Take a clean record."""
        event = windows.decoded(value, kind)
        self._aggregates.add(kind, event, offset)
        table, row = rows.archived(kind, event, partition, offset)
        self._waiting[table].append(row)

    async def insert(self) -> None:
        """Write what waits and what changed; returns when an insert that was under way is done, too."""
        async with self._inserting:
            self._versions += 1
            waiting, self._waiting = self._waiting, defaultdict(list)
            for table, changed in self._aggregates.changed(self._versions).items():
                waiting[table] += changed
            for table, some in waiting.items():
                await asyncio.to_thread(self._insert, table, some)

    def _insert(self, table: str, some: list[rows.Row]) -> None:
        settings = {**INSERT_SETTINGS, "date_time_input_format": "best_effort"}
        self._client.raw_insert(f"tidegate.{table}", None, rows.lines(some), settings, "JSONEachRow")


def add_rows(app: faust.App, clock: Clock) -> None:
    """An agent for each clean topic, and a timer that inserts."""
    kept = Rows(app)
    for kind in KINDS:
        _rows_agent(app, clock, kept, kind)
    start: Callable[[Callable[[], Awaitable[None]]], object] = app.timer(FLUSH_SECONDS)
    start(kept.insert)


def _rows_agent(app: faust.App, clock: Clock, kept: Rows, kind: Kind) -> None:
    clean = app.topic(clean_topic(kind), value_serializer="raw", partitions=PARTITIONS)

    async def keep(stream: Any) -> None:
        async for event in stream.events():
            last = clock.saw()
            kept.add(kind, event.message.partition, event.message.offset, event.value)
            if last:
                await kept.insert()
                await finish(app, clock)

    app.agent(clean, name=f"rows.{kind}")(keep)


async def finish(app: faust.App, clock: Clock) -> None:
    """Commit what is acknowledged, and tell the rate."""
    await app.producer.flush()
    await app.commit(topics=app.topics)  # type: ignore[arg-type]  # the conductor is a set of topics
    clock.tell(lambda: None)


def main(job: str, brokers: str, records: str, home: str) -> None:
    """Run the app until it has seen all records."""
    app, clock = app_in("bench", brokers, Path(home) / "faust", session_seconds=6), Clock(int(records))
    if job == "gate":
        add_gate(app, clock, Path(home) / "keys")
    elif job == "rows":
        add_rows(app, clock)
    else:
        add_windows(app, clock)
    faust.Worker(app, loglevel="WARNING", quiet=True, redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    main(*sys.argv[1:])
