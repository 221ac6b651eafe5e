"""Where a system shows what it can: a fresh broker with the input in it, a core of its own, and what it left behind."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client
from tests.benchmarks.peers import inputs, record_windows
from tests.benchmarks.peers.in_memory import Record
from tests.benchmarks.peers.systems import System

from tidegate_infra.broker import fixture as broker_fixture
from tidegate_infra.broker.topics import Topic, create_topics
from tidegate_infra.clickhouse import fixture as clickhouse_fixture
from tidegate_sinks import migrate
from tidegate_sinks.clickhouse import Address, connect
from tidegate_stream.log import Log

ROUND_SECONDS = 600.0
ROOT = Path(__file__).parents[3]
#: For peers with an environment of their own, which has Tidegate's schemas by their folder only.
SOURCES = [str(ROOT / folder) for folder in (".", "schemas", "stream", "sinks", "infra", "producers", "dashboards")]


@dataclass(frozen=True)
class Left:
    """What a run left: rates as it told them, and where to look."""

    records_per_second: float
    cpu_seconds: float
    brokers: str
    clickhouse: Client | None

    def values(self, topics: Sequence[str]) -> Iterator[tuple[bytes, bytes]]:
        """Committed keys and values of topics, those of a partition in order."""
        with Log(self.brokers) as log:
            for message in log.records(dict.fromkeys(log.places(topics), 0)):
                yield message.key() or b"", message.value() or b""


@contextmanager
def run(system: System, job: str, records: Sequence[Record], home: Path, keys: Path) -> Iterator[Left]:
    """Run a system on these records, in a new folder; what it left can be read inside the block."""
    home.mkdir(parents=True)
    command = system.command()
    with ExitStack() as stack:
        with _on_cores(beside(system.workers)):
            broker = stack.enter_context(broker_fixture.start(home / "broker", inputs.PARTITIONS))
            create_topics(broker.bootstrap, [Topic(record_windows.TOPIC, inputs.PARTITIONS)])
            environment = dict(system.environment)
            client = None
            if system.needs_clickhouse:
                engine = stack.enter_context(clickhouse_fixture.start(home / "clickhouse"))
                client = connect(Address(engine.url, "writer", engine.writer_password))
                migrate.apply(client)
                environment |= {"CLICKHOUSE_URL": engine.url, "CLICKHOUSE_PASSWORD": engine.writer_password}
            inputs.fill(broker.bootstrap, records)
        arguments = [*command, job, broker.bootstrap, str(len(records))]
        homes = [home / f"worker-{number}" for number in range(system.workers)]
        for each in homes:
            each.mkdir()
            (each / "keys").symlink_to(keys)
        with ThreadPoolExecutor(system.workers) as pool:
            telling = [
                pool.submit(told, [*arguments, str(each)], system.name, environment, worker)
                for worker, each in enumerate(homes)
            ]
            said = [one.result() for one in telling]
        seen = min(one["seen"] for one in said)
        assert seen >= len(records), f"{system.name} saw {seen} of {len(records)} records"
        # Each tells the rate of all records, from when it began itself: the lowest is of who began first.
        slowest = min(one["records_per_second"] for one in said)
        yield Left(slowest, sum(one["cpu_seconds"] for one in said), broker.bootstrap, client)


def cores() -> list[int]:
    """Those that there are, in order: a system's workers run on the first ones."""
    return sorted(os.sched_getaffinity(0))


def beside(workers: int) -> set[int]:
    """The cores of everything else: those that no worker has, if there are any."""
    return set(cores()[workers:] or cores())


@contextmanager
def _on_cores(cores: set[int]) -> Iterator[None]:
    """What is started in this block runs on these cores for good."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def told(
    command: Sequence[str], name: str, environment: Mapping[str, str] | None = None, worker: int = 0
) -> dict[str, Any]:
    """The JSON that a process prints in the end, alone on its core. RuntimeError with its last words if it doesn't."""
    core = {cores()[worker % len(cores())]}
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=ROUND_SECONDS,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(SOURCES)} | dict(environment or {}),
        preexec_fn=lambda: os.sched_setaffinity(0, core),
    )
    # Faust writes a terminal sequence before the first line.
    lines = [line[line.index("{") :] for line in done.stdout.splitlines() if '{"records_per_second"' in line]
    if not lines:
        raise RuntimeError(f"{name} ended with {done.returncode}: {done.stdout[-1000:]} {done.stderr[-3000:]}")
    said: dict[str, Any] = json.loads(lines[-1])
    return said
