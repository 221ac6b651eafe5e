"""A broker, an engine, and workers that come and go; no supervisor, so that a test decides who lives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from confluent_kafka import Producer, TopicPartition
from tests import backing

from tidegate.publish import KafkaPublisher, seal_of
from tidegate_infra.addresses import ClickHouseAddress
from tidegate_infra.keys import ensure_edge_key, ensure_keys
from tidegate_infra.processes import spawn
from tidegate_infra.settings import Settings
from tidegate_schemas.registry import RegistryClient
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import clean_schema
from tidegate_schemas.topics import KINDS, Kind, clean_topic
from tidegate_sinks import migrate
from tidegate_sinks.clickhouse import Address, connect
from tidegate_stream.flight import GROUP, committed_offsets, in_flight
from tidegate_stream.gate.transaction import read_partition
from tidegate_stream.transport.app import EXIT_FAILED

DIE_SECONDS = 40.0
DRAIN_SECONDS = 90.0
PARTITIONS = 2
RUNNER = Path(__file__).with_name("run_worker.py")
#: When a row was written, and where it came to stand in a topic: aborted transactions and their markers take offsets.
OF_THE_RUN = ("inserted_at", "clean_offset", "topic_offset", "first_offset")
#: Views whose rows are of a chunk, or of the minute in which a record came that has no time of its own.
ADDED_UP = {
    "dead_letters": "SELECT * EXCEPT (inserted_at, topic_offset, occurred_at) FROM analytics.dead_letters",
    "ledger": "SELECT project, producer_id, sum(stored), sum(dropped), sum(dead_lettered) FROM analytics.ledger "
    "GROUP BY project, producer_id",
    "ledger_entries": "SELECT project, producer_kind, producer_id, fate, reason, sum(quantity) "
    "FROM analytics.ledger_entries GROUP BY project, producer_kind, producer_id, fate, reason",
    "producers": "SELECT * EXCEPT (first_minute, last_minute) FROM analytics.producers",
    "outcomes": "SELECT project, kind, producer_id, outcome, reason, reporter, sum(quantity) FROM analytics.outcomes "
    "GROUP BY project, kind, producer_id, outcome, reason, reporter",
}


class Stack:
    """What runs, and what it holds."""

    def __init__(
        self, home: Path, broker: backing.Broker, engine: ClickHouseAddress, keys_of: Path, registry: str | None
    ) -> None:
        self.home, self.broker, self.brokers, self.engine = home, broker, broker.bootstrap, engine
        self._settings = Settings(home=keys_of)
        ensure_keys(self._settings)
        self.client = connect(Address(engine.url, "writer", engine.writer_password))
        migrate.apply(self.client)
        self._registry_url, self._registry = registry or "", RegistryClient(registry) if registry else None
        self._publisher = KafkaPublisher(self.brokers, registry=self._registry)

    def publish(self, events: Iterable[tuple[Kind, Mapping[str, Any]]], *, sealed: bool = False) -> None:
        """Write events to the raw topics, all of them acknowledged."""
        publisher = self._sealing if sealed else self._publisher
        for kind, event in events:
            publisher.publish(kind, event)
        assert publisher.flush(30) == 0

    @cached_property
    def _sealing(self) -> KafkaPublisher:
        edge_key = ensure_edge_key(self._settings.model_copy(update={"seal_raw": True}))
        return KafkaPublisher(self.brokers, registry=self._registry, seal=seal_of(edge_key or ""))

    def poison(self, topic: str, value: bytes) -> None:
        """Write a record that is no event, to partition 0."""
        producer = Producer({"bootstrap.servers": self.brokers})
        producer.produce(topic, value, partition=0)
        assert producer.flush(30) == 0

    def worker(self, **environment: str) -> subprocess.Popen[bytes]:
        """Start a worker."""
        own = {
            "BROKERS": self.brokers,
            "REGISTRY_URL": self._registry_url,
            "REPLICATION_FACTOR": str(self.broker.replication_factor),
            "CLICKHOUSE_URL": self.engine.url,
            "CLICKHOUSE_PASSWORD": self.engine.writer_password,
            "DATA_DIR": str(self.home / "worker"),
            "KEYS_DIR": str(self._settings.keys_dir),
        }
        with (self.home / "worker.log").open("ab") as log:
            return spawn([sys.executable, str(RUNNER)], log, os.environ | own | environment)

    def killed_at(self, point: str, **environment: str) -> None:
        """Run a worker until it dies at the point, by SIGKILL and by nothing else."""
        self._ends(-signal.SIGKILL, point, environment)

    def fails_at(self, point: str, **environment: str) -> None:
        """Run a worker until an error at the point has ended it."""
        self._ends(EXIT_FAILED, f"{point}:raise", environment)

    def _ends(self, code: int, point: str, environment: Mapping[str, str]) -> None:
        worker = self.worker(TIDEGATE_FAILPOINT=point, **environment)
        try:
            assert worker.wait(DIE_SECONDS) == code, self.log()
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the worker never came to {point}") from None
        finally:
            worker.kill()
            worker.wait()

    def log(self) -> str:
        """The end of the workers' log."""
        return (self.home / "worker.log").read_text()[-3000:]

    def drain(self, seconds: float = DRAIN_SECONDS, **environment: str) -> None:
        """Run a worker until nothing is in flight, as all is committed, or the time is over."""
        group = environment.get("APP_ID", GROUP)
        self._run_until(lambda: not in_flight(self.brokers, group), seconds, environment)

    def pass_gates(self, events: int) -> None:
        """Run gates, and nothing behind them, until so many events have passed."""
        self._run_until(lambda: len(self.clean_ids()) >= events, DRAIN_SECONDS, {"ONLY_GATES": "1"})
        assert len(self.clean_ids()) >= events, self.log()

    def _run_until(self, done: Callable[[], bool], seconds: float, environment: Mapping[str, str]) -> None:
        """Run a worker until something holds, or the time is over."""
        worker, deadline = self.worker(**environment), time.monotonic() + seconds
        try:
            while not done() and time.monotonic() < deadline:
                assert worker.poll() is None, self.log()
                threading.Event().wait(0.2)
        finally:
            worker.terminate()
            worker.wait(30)

    @property
    def keys_dir(self) -> Path:
        """Where the gate's keys are."""
        return self._settings.keys_dir

    def committed(self, places: Iterable[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
        """The workers' commits."""
        return committed_offsets(self.brokers, "tidegate", places)

    def ask(self, sql: str) -> int:
        """One number."""
        return int(self.client.query(sql).result_rows[0][0])

    def views(self, without: frozenset[str] = frozenset()) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every view, without what belongs to the run and some columns; floats to nine digits."""
        # A view that takes parameters has no columns.
        names = self.client.query(
            "SELECT DISTINCT table FROM system.columns WHERE database = 'analytics' ORDER BY table"
        )
        return {str(name): self._rows(str(name), without) for (name,) in names.result_rows}

    def _rows(self, view: str, without: frozenset[str]) -> list[tuple[Any, ...]]:
        if view in ADDED_UP:
            return sorted((tuple(map(_plain, row)) for row in self.client.query(ADDED_UP[view]).result_rows), key=repr)
        columns = self.client.query(
            "SELECT name FROM system.columns WHERE database = 'analytics' AND table = {view:String} ORDER BY position",
            parameters={"view": view},
        )
        names = [str(name) for (name,) in columns.result_rows if name not in {*OF_THE_RUN, *without}]
        answer = self.client.query(f"SELECT {', '.join(f'`{name}`' for name in names)} FROM analytics.{view}")
        return sorted((tuple(map(_plain, row)) for row in answer.result_rows), key=repr)

    def clean_ids(self) -> list[str]:
        """Ids of all events that someone else reads from the clean topics, committed ones only."""
        found = []
        for kind in KINDS:
            codec = RowCodec(clean_schema(kind), self._registry)
            for partition in range(PARTITIONS):
                for message in read_partition(self.brokers, TopicPartition(clean_topic(kind), partition)):
                    found.append(str(codec.decode(message.value() or b"")["event_id"]))
        return sorted(found)


def _plain(value: Any) -> Any:
    match value:
        case float():
            return float(f"{value:.9g}")
        case list() | tuple():
            return [_plain(item) for item in value]
        case dict():
            return {name: _plain(item) for name, item in sorted(value.items())}
    return value


@contextmanager
def running(home: Path, keys_of: Path | None = None, registry: str | None = None) -> Iterator[Stack]:
    """A stack without a worker; with the keys of another home, pseudonyms are the same.

    With the address of a schema registry, records are framed with its ids.
    """
    with backing.broker(home / "broker", PARTITIONS) as broker, backing.clickhouse(home / "ch") as engine:
        yield Stack(home, broker, engine, keys_of or home, registry)
