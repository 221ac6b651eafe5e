"""`faust_vanilla.py JOB BROKERS RECORDS HOME`: Faust as its documentation has it, one event at a time.

An agent a topic; results sent by `topic.send` to the event's own partition; the windows in a `Table`, whose changelog
is the state's only other copy. `group_by` would send every event through Kafka once more, so keys stay where they are,
in tables by partition, as in Tidegate. Rows that changed are sent each second, as Tidegate's flush does.
It promises at least once, Tidegate exactly once.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import faust
from tests.benchmarks.peers import record_windows as windows
from tests.benchmarks.peers.finish import Clock
from tests.benchmarks.peers.record_gate import RecordGate
from tests.vanilla_faust import PARTITIONS, app_in

from tidegate_schemas.topics import KINDS, clean_topic, raw_topic

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
    else:
        add_windows(app, clock)
    faust.Worker(app, loglevel="WARNING", quiet=True, redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    main(*sys.argv[1:])
