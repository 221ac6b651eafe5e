"""A whole small stack for official clients: the session's broker and ClickHouse, a gateway and a worker.

Gateway and worker are the real processes (`tidegate gateway`, `tidegate worker`), without the supervisor, so that a
test decides when the gateway dies.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from tests.waiting import wait_until

from tidegate_infra.addresses import ClickHouseAddress
from tidegate_infra.keys import ensure_keys
from tidegate_infra.processes import free_ports, spawn
from tidegate_infra.runtime import addresses, child_environment
from tidegate_infra.settings import ENV_PREFIX, Settings
from tidegate_sinks.clickhouse import Address, connect
from tidegate_stream.flight import in_flight

READY_SECONDS = 240.0
ARRIVE_SECONDS = 240.0
REPLAY_EXIT_CODE = 70
PROJECT = 1
PARTITIONS = 2
"""As the topics of the session's broker have them."""


class Stack:
    """What runs, and what it holds. One for a session: a test marks what it sends, and asks for that only."""

    def __init__(self, home: Path, brokers: str, engine: ClickHouseAddress, **settings: Any) -> None:
        self._chosen = dict(zip(("gateway", "worker"), free_ports(2), strict=True))
        self.settings = Settings(
            home=home,
            brokers=brokers,
            clickhouse_url=engine.url,
            clickhouse_password=engine.writer_password,
            partitions=PARTITIONS,
            flush_seconds=0.2,
            report_exceptions=False,
            **settings,
        )
        self.write_key = ensure_keys(self.settings).write_key
        where = addresses(self.settings, self._chosen)
        self.gateway_url = where.gateway_url
        #: for Sentry's clients
        self.dsn = where.dsn(self.write_key, PROJECT)
        self.settings.logs_dir.mkdir(parents=True, exist_ok=True)
        self._engine = engine
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        #: What is run instead of the service's own command.
        self.commands: dict[str, Sequence[str]] = {}

    def start(self, name: str) -> None:
        """Start the gateway or the worker, at the address it had before, and come back when it does its work.

        It lives no longer than the thread that calls this.
        """
        ours = {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}
        environment = ours | child_environment(self.settings, self._chosen)
        with self._log(name).open("ab") as log:
            command = self.commands.get(name, (sys.executable, "-m", "tidegate_infra", name))
            self._processes[name] = spawn(list(command), log, environment)
        wait_until(lambda: self._answers(name), READY_SECONDS, f"no answer from the {name}: {self.log(name)}")

    def kill(self, name: str) -> None:
        """SIGKILL for the gateway or the worker; comes back when it is gone."""
        self._processes[name].kill()
        self._processes[name].wait()

    def stop(self) -> None:
        """End both."""
        for process in self._processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self._processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def metrics(self, name: str) -> bytes:
        """What the gateway or the worker tells Prometheus."""
        return httpx.get(f"http://127.0.0.1:{self._chosen[name]}/metrics", timeout=10).raise_for_status().content

    def log(self, name: str) -> str:
        """The end of a service's log."""
        return self._log(name).read_text()[-3000:]

    def rows(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        """What a query answers, `{name:Type}` in it being parameters; JSON columns are dicts."""
        client = connect(Address(self._engine.url, "writer", self._engine.writer_password))
        try:
            return list(client.query(sql, parameters=parameters).named_results())
        finally:
            client.close()

    def arrived(self, sql: str, number: int, **parameters: Any) -> list[dict[str, Any]]:
        """The rows of a query once there are as many, and nothing is on its way that could make them more.

        AssertionError if they stay fewer, or are more in the end.
        """
        try:
            wait_until(lambda: self._holds(sql, number, parameters), ARRIVE_SECONDS, f"not {number} rows")
        except AssertionError as error:
            found = self.rows(sql, **parameters)
            raise AssertionError(f"{error}, but {len(found)}: {found}; gateway: {self.log('gateway')}") from None
        self.settle()
        found = self.rows(sql, **parameters)
        assert len(found) == number, found
        return found

    def settle(self) -> None:
        """Come back when the worker has committed everything that the gateway acknowledged until now."""
        brokers = str(self.settings.brokers)
        wait_until(lambda: in_flight(brokers) == 0, ARRIVE_SECONDS, f"records in flight: {self.log('worker')}")

    def _holds(self, sql: str, number: int, parameters: dict[str, Any]) -> bool:
        if self._processes["worker"].poll() == REPLAY_EXIT_CODE:  # as the supervisor does it
            self.start("worker")
        return len(self.rows(sql, **parameters)) >= number

    def _answers(self, name: str) -> bool:
        code = self._processes[name].poll()
        assert code is None, f"the {name} ended with {code}: {self.log(name)}"
        try:
            return httpx.get(f"http://127.0.0.1:{self._chosen[name]}/healthz", timeout=5).is_success
        except httpx.TransportError:
            return False

    def _log(self, name: str) -> Path:
        return self.settings.logs_dir / f"{name}.log"


@contextmanager
def running(home: Path, brokers: str, engine: ClickHouseAddress, **settings: Any) -> Iterator[Stack]:
    """Run a stack for as long as the block; `settings` are those of `tidegate_infra.settings.Settings`."""
    stack = Stack(home, brokers, engine, **settings)
    try:
        stack.start("worker")
        stack.start("gateway")
        yield stack
    finally:
        stack.stop()
