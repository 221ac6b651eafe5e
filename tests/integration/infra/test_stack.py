"""`tidegate up` as a user has it: the real command in a home of its own."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import psutil
import pytest
from tests.waiting import wait_until

pytestmark = [pytest.mark.broker, pytest.mark.clickhouse, pytest.mark.timeout(240)]

READY_SECONDS = 90


class Up:
    """A running `tidegate up`, and what its console said."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.console = home.parent / f"{home.name}.console"
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("TIDEGATE_")}
        self.environment["TIDEGATE_HOME"] = str(home)
        self.process = self.start()

    def start(self) -> "subprocess.Popen[bytes]":
        with self.console.open("wb") as console:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tidegate_infra", "up"],
                env=self.environment,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )
        try:
            wait_until(lambda: "ready in" in self.said() or self.process.poll() is not None, READY_SECONDS, "not ready")
        except AssertionError:
            self.end()
            raise
        assert self.process.poll() is None, self.said()
        return self.process

    def said(self) -> str:
        return self.console.read_text()

    def address(self, name: str) -> str:
        return str(json.loads((self.home / "run" / "stack.json").read_text())[name])

    @property
    def pids(self) -> dict[str, int]:
        """Of the services that run now."""
        try:
            body = urlopen(f"{self.address('supervisor_url')}/healthz").read()
        except HTTPError as error:  # 503 while one is started again
            body = error.read()
        services = json.loads(body)["services"]
        return {name: service["pid"] for name, service in services.items() if service["pid"] is not None}

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        argv = [sys.executable, "-m", "tidegate_infra", *arguments]
        return subprocess.run(argv, env=self.environment, capture_output=True, text=True, check=False, timeout=60)

    def track(self, name: str) -> None:
        key = (self.home / "keys" / "write-key").read_text()
        event = {"event": name, "anonymousId": "device-1", "userId": "canary-ada@example.com"}
        request = Request(
            f"{self.address('gateway_url')}/v1/track",
            json.dumps(event).encode(),
            {"authorization": "Basic " + b64encode(f"{key}:".encode()).decode(), "content-type": "application/json"},
        )
        with urlopen(request) as answer:
            assert answer.status == 200

    def event_id(self, name: str) -> str:
        query = quote(f"SELECT event_id FROM analytics.events WHERE name = '{name}' FORMAT TSV")
        with urlopen(f"{self.address('clickhouse_url')}/?query={query}") as answer:
            return str(answer.read().decode().strip())

    def end(self) -> None:
        """Leave nothing behind, whatever the test found."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def gone(self, pids: dict[str, int]) -> bool:
        return not any(psutil.pid_exists(pid) for pid in pids.values())


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    running = Up(tmp_path_factory.mktemp("stack") / "home")
    yield running
    running.end()


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    running = Up(tmp_path_factory.mktemp("second") / "home")
    yield running
    running.end()


@pytest.fixture
def second(other: Up) -> Up:
    """A second stack, started again if the test before has ended it."""
    if other.process.poll() is not None:
        other.start()
    return other


def test_an_event_goes_all_the_way_and_every_hop_of_it_can_be_told(stack: Up) -> None:
    stack.track("hop")
    event_id = wait_until(lambda: stack.event_id("hop"), 30, "no row")
    traced = stack.command("trace", event_id)
    hops = [line.split()[0] for line in traced.stdout.splitlines() if not line.startswith(" ")]
    assert hops[:6] == ["event", "edge", "raw", "gate", "clean", "row"], traced.stdout + traced.stderr
    assert "user_id (pseudonymise): user = " in traced.stdout
    wait_until(lambda: stack.command("trace", event_id).stdout.count("(may still change)") == 4, 20, "not counted")
    assert "canary-ada" not in traced.stdout + traced.stderr


def test_an_event_that_never_came_is_said_to_be_nowhere(stack: Up) -> None:
    traced = stack.command("trace", "00000000-0000-7000-8000-000000000000")
    assert "raw     no record with this id" in traced.stdout
    assert stack.command("trace", "nonsense").returncode == 1


def test_the_doctor_finds_nothing_wrong(stack: Up) -> None:
    wait_until(lambda: stack.command("doctor").returncode == 0, 30, stack.command("doctor").stdout)
    assert "topics: all 23 there, with 1 partitions each" in stack.command("doctor").stdout


def test_the_doctor_finds_another_partition_count_and_says_how_to_fix_it(stack: Up) -> None:
    stack.environment["TIDEGATE_PARTITIONS"] = "3"
    try:
        said = stack.command("doctor")
    finally:
        del stack.environment["TIDEGATE_PARTITIONS"]
    assert said.returncode == 1
    assert "has 1 partitions, not 3" in said.stdout.replace("\n", " ")
    assert "Fix: set TIDEGATE_PARTITIONS=1 again" in said.stdout.replace("\n", " ")


def test_a_second_stack_on_the_same_home_is_told_who_holds_it(stack: Up) -> None:
    refused = stack.command("up")
    assert refused.returncode == 1
    assert re.search(rf"in use by process {stack.process.pid}, started at", refused.stderr), refused.stderr


def test_a_killed_service_comes_back_and_the_console_says_so(stack: Up) -> None:
    before = stack.pids["alerts"]
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: stack.pids.get("alerts", before) != before, 30, "not started again")
    assert "alerts was ended by SIGKILL" in stack.said()


def test_memory_and_restarts_are_told_to_prometheus(stack: Up) -> None:
    with urlopen(f"{stack.address('supervisor_url')}/metrics") as answer:
        metrics = answer.read().decode()
    pss = {name: float(value) for name, value in re.findall(r'pss_bytes{service="(\w+)"} (\S+)', metrics)}
    assert len(pss) == 6
    assert pss["broker"] > 50e6
    assert sum(pss.values()) < 1.5e9
    assert 'tidegate_service_restarts_total{service="broker"} 0.0' in metrics
    assert 'tidegate_job_failures_total{job="erase-withdrawn"} 0.0' in metrics


@pytest.mark.faults
def test_a_second_stack_runs_beside_the_first_and_nothing_is_lost_over_stop_kill_and_start(
    stack: Up, second: Up
) -> None:
    names = ("brokers", "clickhouse_url", "gateway_url", "dashboard_url", "supervisor_url")
    addresses = [second.address(name) for name in names]
    assert not set(addresses) & {stack.address(name) for name in names}
    second.track("kept")
    event_id = wait_until(lambda: second.event_id("kept"), 30, "no row")
    assert stack.event_id("kept") == ""
    before = second.pids

    second.process.send_signal(signal.SIGINT)
    assert second.process.wait(60) == 0, second.said()
    assert second.gone(before)

    second.start()
    assert second.event_id("kept") == event_id
    assert [second.address(name) for name in names] == addresses

    pids = second.pids
    second.process.kill()
    second.process.wait()
    wait_until(lambda: second.gone(pids), 15, "services outlived their supervisor")


@pytest.mark.faults
def test_more_partitions_are_refused_until_the_generation_is_raised_and_then_used(
    second: Up, monkeypatch: pytest.MonkeyPatch
) -> None:
    second.track("first")
    wait_until(lambda: second.event_id("first"), 30, "no row")
    second.end()
    monkeypatch.setitem(second.environment, "TIDEGATE_PARTITIONS", "4")
    refused = second.command("up")
    assert refused.returncode == 1
    assert "TIDEGATE_GENERATION=2" in refused.stderr

    monkeypatch.setitem(second.environment, "TIDEGATE_GENERATION", "2")
    second.start()
    second.track("next")
    event_id = wait_until(lambda: second.event_id("next"), 60, "no row")
    assert "raw     raw.track.g2 partition" in second.command("trace", event_id).stdout
    wait_until(lambda: second.command("trace", event_id).stdout.count("(may still change)") == 4, 20, "not counted")
    assert "raw     raw.track partition" in second.command("trace", second.event_id("first")).stdout
    wait_until(lambda: second.command("doctor").returncode == 0, 30, second.command("doctor").stdout)
    assert second.command("reconcile").returncode == 0
    second.end()
    shutil.rmtree(second.home)  # with the settings of the others it would not start


def test_a_stack_whose_home_is_removed_ends_and_says_so(second: Up) -> None:
    pids = second.pids
    shutil.rmtree(second.home, ignore_errors=True)
    os.kill(pids["alerts"], signal.SIGKILL)
    assert second.process.wait(60) == 1
    assert "was removed while its services ran" in second.said()
    assert second.gone(pids)
