"""kill -9 of the engine while it writes: what it acknowledged is there, and nothing is there by half."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import httpx
import pytest

from tidegate_infra.clickhouse import fixture
from tidegate_infra.processes import stop_group

pytestmark = pytest.mark.clickhouse
ROWS = 2_000
TABLE = "CREATE TABLE IF NOT EXISTS default.t (batch UInt32, n UInt32, version UInt64) "
ENGINE = "ENGINE = ReplacingMergeTree(version) ORDER BY (batch, n)"


def batch(number: int) -> str:
    rows = "\n".join(f"{number}\t{n}\t{number}" for n in range(ROWS))
    return f"INSERT INTO default.t FORMAT TabSeparated\n{rows}"


class Inserting(threading.Thread):
    """Inserts batch after batch until the engine is gone; remembers which were acknowledged."""

    def __init__(self, running: fixture.RunningClickHouse, begin: int) -> None:
        super().__init__(daemon=True)
        self._running, self._next = running, begin
        self.acknowledged: list[int] = []
        self.some = threading.Event()

    def run(self) -> None:
        auth = ("writer", self._running.writer_password)
        with httpx.Client(base_url=self._running.url, auth=auth, timeout=30) as client:
            while True:
                try:
                    client.post("/", content=batch(self._next)).raise_for_status()
                except httpx.TransportError:
                    return
                self.acknowledged.append(self._next)
                self._next += 1
                if len(self.acknowledged) == 5:
                    self.some.set()


def test_acknowledged_inserts_survive_kill_9_whole_and_repeats_do_not_double(tmp_path: Path) -> None:
    acknowledged: list[int] = []
    for _ in range(3):
        running = fixture.launch(tmp_path)
        auth = ("writer", running.writer_password)
        httpx.post(running.url, content=TABLE + ENGINE, auth=auth, timeout=30).raise_for_status()
        inserting = Inserting(running, max(acknowledged, default=-1) + 1)
        inserting.start()
        assert inserting.some.wait(60)
        stop_group(running.process.pid, signal.SIGKILL)
        running.process.wait()
        inserting.join(60)
        acknowledged += inserting.acknowledged
    with fixture.start(tmp_path) as running:
        auth = ("writer", running.writer_password)
        counts = httpx.post(
            running.url, content="SELECT batch, count() FROM default.t FINAL GROUP BY batch ORDER BY batch", timeout=60
        )
        found = {int(line.split()[0]): int(line.split()[1]) for line in counts.text.splitlines()}
        assert set(acknowledged) <= set(found)
        assert set(found.values()) == {ROWS}
        for number in found:
            httpx.post(running.url, content=batch(number), auth=auth, timeout=60).raise_for_status()
        again = httpx.post(running.url, content="SELECT count() FROM default.t FINAL", timeout=60)
        assert int(again.text) == ROWS * len(found)
