"""A broker, an engine, a gateway and a worker of their own, and everything that they hold."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests import backing
from tests.clients.stack import Stack
from tests.privacy import stores

from tidegate_infra.addresses import ClickHouseAddress
from tidegate_infra.clickhouse import fixture as clickhouse_fixture

WORKER: Sequence[str] = (sys.executable, "-m", "tidegate_infra", "worker")
LEAKY: Sequence[str] = (sys.executable, "-m", "tests.privacy.leaky_worker", "worker")


class Watched(Stack):
    """A stack whose every store can be read. Files are needed, so it is always the embedded one."""

    def __init__(self, home: Path, brokers: str, engine: ClickHouseAddress, answers: list[bytes]) -> None:
        super().__init__(home / "home", brokers, engine)
        self.folder, self.brokers, self.engine, self.answers = home, brokers, engine, answers

    def stores(self) -> Iterator[stores.Part]:
        """Every store past the gate, and what the edges say."""
        yield "answers", b"\n".join(self.answers)
        yield from stores.kafka_files(self.folder / "broker")
        yield from stores.changelogs(self.brokers)
        yield from stores.clickhouse_tables(self.engine)
        yield from stores.clickhouse_files(self.folder / "clickhouse")
        yield from stores.files("logs", self.settings.logs_dir)
        yield from stores.files("state", self.settings.data_dir)
        for name in ("gateway", "worker"):
            yield "metrics", self.metrics(name)


@contextmanager
def running(home: Path, worker: Sequence[str] = WORKER) -> Iterator[Watched]:
    """Run one in an empty folder."""
    with backing.broker(home / "broker") as broker, clickhouse_fixture.start(home / "clickhouse") as engine:
        stack = Watched(home, broker.bootstrap, ClickHouseAddress(engine.url, engine.writer_password), [])
        stack.commands["worker"] = worker
        try:
            stack.start("worker")
            stack.start("gateway")
            yield stack
        finally:
            stack.stop()
