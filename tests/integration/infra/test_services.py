"""Each service on its own, started in the wrong order: those that come too early wait, say so, and go on."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from confluent_kafka import Consumer
from tests.contract.registry.server import Server
from tests.waiting import wait_until

from tidegate_infra import allocators
from tidegate_infra.processes import free_ports, spawn, stop_group

pytestmark = [pytest.mark.faults, pytest.mark.broker, pytest.mark.clickhouse, pytest.mark.timeout(180)]
NAMES = ("registry", "broker", "clickhouse", "gateway", "worker", "dashboard", "alerts")

#: Whom the others need.
LAST = ("broker", "clickhouse")


class House:
    """Services that share a home, each started by its own command."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.ports = dict(zip(NAMES, free_ports(len(NAMES)), strict=True))
        of_ours = ("TIDEGATE_", *allocators.VARIABLES)
        plain = {name: value for name, value in os.environ.items() if not name.startswith(of_ours)}
        ports = {f"TIDEGATE_{name.upper()}_PORT": str(port) for name, port in self.ports.items() if name != "registry"}
        own = {"HOME": str(home), "WRITE_KEY": "house-key", "SCHEMA_REGISTRY_URL": f"{self.url('registry')}/api"}
        self.environment = {**plain, **ports, **{f"TIDEGATE_{name}": value for name, value in own.items()}}
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *names: str) -> None:
        for name in names:
            with (self.home / f"{name}.console").open("ab") as console:
                argv = [sys.executable, "-m", "tidegate_infra", name]
                self.running[name] = spawn(argv, console, self.environment)

    def said(self, name: str) -> str:
        assert self.running[name].poll() is None, (self.home / f"{name}.console").read_text()[-2000:]
        return (self.home / f"{name}.console").read_text()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def track(self, event: str) -> int:
        body = {"event": event, "anonymousId": "device-1", "messageId": event}
        url = f"{self.url('gateway')}/v1/track"
        try:
            return httpx.post(url, json=body, auth=("house-key", ""), timeout=20).status_code
        except httpx.TransportError:
            return 0

    def stored(self, event: str) -> int:
        sql = f"SELECT count() FROM analytics.events WHERE name = '{event}'"
        try:
            answer = httpx.post(self.url("clickhouse"), content=sql, timeout=20)
        except httpx.TransportError:
            return 0
        return int(answer.text) if answer.status_code == 200 else 0

    def well(self, name: str) -> bool:
        try:
            return httpx.get(f"{self.url(name)}/healthz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def trace(self, event: str) -> str:
        """What `tidegate trace` says of the event of this name."""
        sql = f"SELECT event_id FROM analytics.events WHERE name = '{event}' FORMAT TSVRaw"
        event_id = httpx.post(self.url("clickhouse"), content=sql, timeout=20).text.strip()
        argv = [sys.executable, "-m", "tidegate_infra", "trace", event_id]
        return subprocess.run(argv, env=self.environment, capture_output=True, text=True, check=True, timeout=60).stdout

    def first_byte(self, topic: str) -> bytes:
        """What a record of a topic begins with: 0 in Confluent's framing."""
        settings = {"bootstrap.servers": f"127.0.0.1:{self.ports['broker']}", "group.id": "house"}
        consumer = Consumer({**settings, "auto.offset.reset": "earliest"})
        try:
            consumer.subscribe([topic])
            message = consumer.poll(30)
            assert message is not None
            assert message.error() is None
            return (message.value() or b"")[:1]
        finally:
            consumer.close()

    def refused(self, name: str, **settings: str) -> str:
        """What a service says that ends because of its settings."""
        wrong = {f"TIDEGATE_{name.upper()}_PORT": str(free_ports(1)[0])}
        wrong |= {f"TIDEGATE_{setting}": value for setting, value in settings.items()}
        argv = [sys.executable, "-m", "tidegate_infra", name]
        ended = subprocess.run(
            argv, env=self.environment | wrong, capture_output=True, text=True, check=False, timeout=60
        )
        assert ended.returncode == 1
        return ended.stdout + ended.stderr

    def end(self) -> None:
        """Stop the services in turn, as a supervisor does: a worker that finds no broker any more gives up slowly."""
        try:
            for name in sorted(self.running, key=LAST.__contains__):
                stop_group(self.running[name].pid, signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.running[name].wait(15)
        finally:
            for process in self.running.values():
                if process.poll() is None:
                    stop_group(process.pid, signal.SIGKILL)
                    process.wait()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.end()


def test_services_wait_for_what_is_not_there_yet_and_then_do_their_work(house: House) -> None:
    house.start("gateway", "worker", "dashboard", "alerts")
    wait_until(lambda: "waiting for the broker at" in house.said("worker"), 60, "the worker doesn't say that it waits")
    wait_until(lambda: "waiting for the schema registry at" in house.said("gateway"), 60, "the gateway doesn't say it")
    with Server(house.ports["registry"]) as registry:
        threading.Thread(target=registry.serve_forever, args=(0.01,), daemon=True).start()
        wait_until(lambda: "waiting for a Kafka broker at" in house.said("gateway"), 60, "the gateway doesn't say it")
        assert wait_until(lambda: house.track("early"), 30, "the gateway doesn't answer") == 200  # its disk has it
        assert allocators.VARIABLES.items() <= psutil.Process(house.running["worker"].pid).environ().items()
        house.start("broker", "clickhouse")
        wait_until(lambda: house.track("early") == 200, 60, "the gateway takes nothing")
        assert house.track("in_time") == 200
        wait_until(lambda: house.stored("in_time") == 1, 60, "the event isn't stored")
        assert (house.first_byte("raw.track"), house.first_byte("clean.track")) == (b"\x00", b"\x00")
        assert "clean   clean.track partition" in house.trace("in_time")
        assert house.refused("gateway", PARTITIONS="3").count("TIDEGATE_GENERATION=2") == 1
        registry.shutdown()
    wait_until(lambda: house.stored("early") == 1, 60, "what the gateway's disk had isn't stored")
    for name in ("gateway", "worker", "dashboard", "alerts", "clickhouse"):
        wait_until(functools.partial(house.well, name), 30, f"{name} isn't well")
        assert "# HELP" in httpx.get(f"{house.url(name)}/metrics", timeout=5).text
