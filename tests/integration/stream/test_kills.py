"""kill -9 at named points between fetch and commit: the tables end as those of an undisturbed run, and commits move.

A worker that never commits would pass every total, since it replays from the beginning; so the committed offsets are
checked too. The control is a worker that commits too early, on which the same check must fail.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tidegate.publish import KafkaPublisher
from tidegate_infra.broker import fixture as broker_fixture
from tidegate_infra.clickhouse import fixture as clickhouse_fixture
from tidegate_infra.clickhouse.fixture import RunningClickHouse
from tidegate_infra.demo.measure import in_flight
from tidegate_infra.keys import ensure_keys
from tidegate_infra.settings import Settings
from tidegate_schemas.identity import new_event_id
from tidegate_sinks import migrate
from tidegate_sinks.clickhouse import Address, connect

BATCH = 400
DIE_SECONDS = 40.0
DRAIN_SECONDS = 60.0
RUNNER = Path(__file__).with_name("run_worker.py")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Stack:
    """A broker, an engine, and workers that come and go."""

    def __init__(self, home: Path, brokers: str, engine: RunningClickHouse) -> None:
        self.home, self.brokers, self.engine = home, brokers, engine
        self.settings = Settings(home=home)
        ensure_keys(self.settings)
        self.client = connect(Address(engine.url, "writer", engine.writer_password))
        migrate.apply(self.client)
        self.publisher = KafkaPublisher(brokers)
        self.sent = 0

    def publish(self, number: int = BATCH) -> None:
        for index in range(self.sent, self.sent + number):
            at = NOON + timedelta(seconds=index)
            event = {"event_id": new_event_id(), "producer_id": "p", "sequence": index + 1, "project": "default"}
            event |= {
                "name": f"event_{index % 7}",
                "occurred_at": at,
                "received_at": at,
                "anonymous_id": f"v{index % 50}",
            }
            self.publisher.publish("track", event)
        assert self.publisher.flush(30) == 0
        self.sent += number

    def worker(self, **environment: str) -> "subprocess.Popen[bytes]":
        own = {
            "BROKERS": self.brokers,
            "CLICKHOUSE_URL": self.engine.url,
            "CLICKHOUSE_PASSWORD": self.engine.writer_password,
            "DATA_DIR": str(self.home / "worker"),
            "KEYS_DIR": str(self.settings.keys_dir),
        }
        with (self.home / "worker.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, str(RUNNER)], env=os.environ | own | environment, stdout=log, stderr=log
            )

    def killed_at(self, point: str, **environment: str) -> None:
        """Run a worker until it dies at the point, by SIGKILL and by nothing else."""
        worker = self.worker(TIDEGATE_FAILPOINT=point, **environment)
        try:
            assert worker.wait(DIE_SECONDS) == -signal.SIGKILL
        finally:
            worker.kill()
            worker.wait()

    def drain(self) -> None:
        """Run a healthy worker until nothing is in flight."""
        worker, deadline = self.worker(), time.monotonic() + DRAIN_SECONDS
        try:
            while in_flight(self.brokers) and time.monotonic() < deadline:
                assert worker.poll() is None, (self.home / "worker.log").read_text()[-3000:]
                threading.Event().wait(0.2)
        finally:
            worker.terminate()
            worker.wait(30)

    def ask(self, sql: str) -> int:
        return int(self.client.query(sql).result_rows[0][0])

    def problems(self) -> list[str]:
        """What an undisturbed run would have had otherwise."""
        facts = {
            "archived": "SELECT count() FROM tidegate.events_track FINAL",
            "distinct": "SELECT uniqExact(event_id) FROM tidegate.events_track FINAL",
            "used": "SELECT sum(count) FROM analytics.usage",
            "active": "SELECT sum(events) FROM analytics.activity",
            "in sessions": "SELECT sum(events) FROM analytics.sessions",
        }
        found = {name: self.ask(sql) for name, sql in facts.items()}
        wrong = [f"{name}: {number} of {self.sent}" for name, number in found.items() if number != self.sent]
        left = in_flight(self.brokers)
        return wrong + ([f"uncommitted: {left}"] if left else [])


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with broker_fixture.start(tmp_path / "broker") as broker, clickhouse_fixture.start(tmp_path / "ch") as engine:
        yield Stack(tmp_path, broker.bootstrap, engine)


POINTS = (
    "before_passing:2",
    "passed:2",
    "folded:2",
    "changelog_acked:2",
    "sink_done:3",
    "archived:1",
    "before_commit:2",
)


@pytest.mark.broker
@pytest.mark.clickhouse
@pytest.mark.timeout(400)
def test_killed_at_each_point_the_tables_end_as_those_of_one_run(stack: Stack) -> None:
    for point in POINTS:
        stack.publish()
        stack.killed_at(point)
    stack.publish()
    stack.drain()
    assert stack.problems() == []


@pytest.mark.broker
@pytest.mark.clickhouse
@pytest.mark.timeout(200)
def test_control_a_worker_that_commits_too_early_is_found_out(stack: Stack) -> None:
    stack.publish()
    stack.killed_at("before_archive:1", BROKEN="commits before durable")
    stack.drain()
    assert any(problem.startswith("archived") for problem in stack.problems())
