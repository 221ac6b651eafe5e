"""One run under a fault: what a fault can do to it, and what it came to in the end."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from confluent_kafka import Producer
from tests.faults.events import batch
from tests.faults.matrix.engine import Engine
from tests.faults.matrix.report import Row
from tests.faults.matrix.workers import Workers
from tests.faults.stack import PARTITIONS, Stack
from tests.waiting import comes_true, wait_until

from tidegate_infra.addresses import ClickHouseAddress
from tidegate_infra.broker import fixture as broker_fixture
from tidegate_infra.broker.fixture import RunningBroker
from tidegate_schemas.topics import Kind

BATCHES = 4
BATCH_EVENTS = 1_000
#: Project (one that has keys) and producer of what a fault sends besides: its rows stay out of the comparison.
ASIDE = "tidegate"
#: What bad records add to.
ACCOUNTS = frozenset({"dead_letters", "outcomes", "ledger", "ledger_entries", "producers"})
SEEN_SECONDS = 60.0
DRAIN_SECONDS = 150.0
Views = Mapping[str, list[tuple[Any, ...]]]


class System(Protocol):
    """What is put to the test."""

    name: str

    def prepare(self, stack: Stack) -> None:
        """Make what its workers need before the first one starts."""

    def worker(self, run: Run, number: int) -> subprocess.Popen[bytes]:
        """Start one."""

    def stored(self, run: Run) -> int:
        """How many events have arrived so far."""

    def left(self, run: Run) -> int:
        """How many records are not yet done with."""

    def row(self, run: Run, fault: str) -> Row:
        """What came of it."""


class Run:
    """A broker, an engine, workers, and events that come in batches."""

    def __init__(self, stack: Stack, broker: RunningBroker, engine: Engine, system: System, workers: int) -> None:
        self.stack, self.broker, self.engine, self.system = stack, broker, engine, system
        self.fed = 0
        self.compared_without: frozenset[str] = frozenset()
        #: What a fault found wrong by itself, beside the comparison.
        self.objections: list[str] = []
        system.prepare(stack)
        self.workers = Workers(lambda number: system.worker(self, number), workers)

    def feed(self) -> None:
        """Send the next batch, all of it acknowledged."""
        self.stack.publish(batch(self.fed, BATCH_EVENTS))
        self.fed += 1

    def feed_and_catch(self) -> None:
        """Send the next batch, and return when some of it has arrived: amid the work."""
        before = self.system.stored(self)
        self.feed()
        wait_until(lambda: self.system.stored(self) > before, SEEN_SECONDS, "nothing arrived")

    def produce(self, topic: str, *values: bytes) -> None:
        """Send records as they are, to partition 0."""
        producer = Producer({"bootstrap.servers": self.stack.brokers, "message.max.bytes": 8_000_000})
        for value in values:
            producer.produce(topic, value, partition=0)
        assert producer.flush(30) == 0

    def drain(self) -> None:
        """Wait until the workers are done with everything; what isn't done when time is up counts as lost."""
        comes_true(lambda: not self.system.left(self), DRAIN_SECONDS)

    def object(self, found: object, expected: object, what: str) -> None:
        """Note what isn't as it must be."""
        if found != expected:
            self.objections.append(f"{what}: {found!r}, not {expected!r}")


def base_events(batches: int = BATCHES) -> Iterator[tuple[Kind, dict[str, Any]]]:
    """Everything that a run is fed."""
    for number in range(batches):
        yield from batch(number, BATCH_EVENTS)


@contextmanager
def run_of(
    system: System, home: Path, keys_of: Path, *, workers: int = 1, nodes: int = 1, engine_home: Path | None = None
) -> Iterator[Run]:
    """A fresh run."""
    engine = Engine(engine_home or home / "ch")
    try:
        with broker_fixture.start(home / "broker", PARTITIONS, nodes=nodes) as broker:
            run = Run(
                Stack(home, broker, ClickHouseAddress(engine.url, engine.writer_password), keys_of, None),
                broker,
                engine,
                system,
                workers,
            )
            try:
                yield run
            finally:
                run.workers.stop()
    finally:
        engine.stop()


def finish(run: Run) -> None:
    """Send what is left of the batches, and let the workers come to an end."""
    while run.fed < BATCHES:
        run.feed()
    run.drain()


def differing(expected: Views, found: Views, without: Iterable[str]) -> dict[str, int]:
    """By view: rows that are missing or too many."""
    out = {}
    for view in expected.keys() - set(without):
        right, there = (Counter(map(repr, _not_aside(rows))) for rows in (expected[view], found[view]))
        if number := (right - there).total() + (there - right).total():
            out[view] = number
    return out


def _not_aside(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    return (row for row in rows if ASIDE not in row)
