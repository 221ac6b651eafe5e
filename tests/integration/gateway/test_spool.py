"""What the gateway answered 200 for while no broker was there outlives its kill, and the test would notice if not."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
from nacl.public import PrivateKey
from tests.waiting import comes_true, wait_until

from tidegate_infra.processes import spawn
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import outcome_schema, raw_schema
from tidegate_schemas.topics import OUTCOMES, raw_topic
from tidegate_stream.log import Log

RUN = Path(__file__).parents[2] / "faults" / "run_gateway.py"
PUBLIC_KEY = bytes(PrivateKey.generate().public_key).hex()
SECONDS = 30.0
pytestmark = pytest.mark.broker


def free_port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


class Gateway:
    """A gateway's process."""

    def __init__(self, home: Path, brokers: str, how: str) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        arguments = [sys.executable, str(RUN), brokers, str(port), PUBLIC_KEY, str(home), *([how] if how else [])]
        with (home / "gateway.log").open("ab") as log:
            self.process: subprocess.Popen[bytes] = spawn(arguments, log, dict(os.environ))
        wait_until(self.status, SECONDS, "a gateway that answers")

    def status(self) -> str:
        try:
            return str(httpx.get(f"{self.url}/healthz", timeout=5).json()["status"])
        except httpx.HTTPError:
            return ""

    def metric(self, name: str) -> float:
        lines = httpx.get(f"{self.url}/metrics", timeout=5).text.splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))

    def post(self, name: str, ids: list[str]) -> int:
        batch = [{"type": "track", "event": name, "userId": "1", "messageId": each} for each in ids]
        return httpx.post(f"{self.url}/v1/batch", json={"batch": batch}, auth=("write-key", ""), timeout=20).status_code

    def end(self, number: signal.Signals) -> None:
        self.process.send_signal(number)
        self.process.wait(SECONDS)


@contextmanager
def gateway(home: Path, brokers: str, how: str = "", end: signal.Signals = signal.SIGTERM) -> Iterator[Gateway]:
    home.mkdir(exist_ok=True)
    running = Gateway(home, brokers, how)
    try:
        yield running
    finally:
        running.end(end)


@pytest.fixture
def nowhere() -> Iterator[str]:
    """An address where no broker answers: taken, so that nobody else gets it."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def arrived(brokers: str, name: str) -> list[tuple[int, str, str]]:
    """Number, producer and id of the events of a name, as they lie in the topic."""
    codec, found = RowCodec(raw_schema("track")), []
    with Log(brokers) as log:
        for message in log.records(dict.fromkeys(log.places([raw_topic("track")]), 0)):
            event = codec.decode(message.value() or b"")
            if event["name"] == name:
                found.append((event["sequence"], event["producer_id"], event["event_id"]))
    return found


def numbered(brokers: str, producer_id: str) -> dict[str, tuple[int, list[int]]]:
    """What the ledger is told of a producer: quantity and numbers by outcome."""
    codec, found = RowCodec(outcome_schema()), {}
    with Log(brokers) as log:
        for message in log.records(dict.fromkeys(log.places([OUTCOMES]), 0)):
            outcome = codec.decode(message.value() or b"")
            if outcome["producer_id"] == producer_id:
                found[outcome["outcome"]] = outcome["quantity"], list(outcome["sequences"])
    return found


def accepted_in_an_outage(home: Path, nowhere: str, name: str, how: str = "", requests: int = 20) -> int:
    """Requests while no broker is there, then a kill; how many events were answered with 200."""
    accepted = 0
    with gateway(home, nowhere, how, end=signal.SIGKILL) as killed:
        for _ in range(requests):
            ids = [uuid.uuid4().hex for _ in range(10)]
            accepted += 10 * (killed.post(name, ids) == 200)
        if not how:
            assert killed.status() == "spooling"
            assert killed.metric("tidegate_gateway_spool_records") == accepted
            assert killed.metric("tidegate_gateway_spool_bytes") > 0
            assert killed.metric("tidegate_gateway_spool_age_seconds") > 0
    return accepted


def test_what_was_accepted_in_an_outage_arrives_once_by_its_id_and_in_order(
    broker: str, nowhere: str, tmp_path: Path
) -> None:
    home, name = tmp_path / "gateway", f"spooled-{uuid.uuid4().hex}"
    assert accepted_in_an_outage(home, nowhere, name) == 200
    with gateway(home, broker) as second:
        found = wait_until(lambda: [*arrived(broker, name)] if second.status() == "ok" else [], SECONDS, "nothing came")
        assert second.post(name, [uuid.uuid4().hex]) == 200
    assert [number for number, _, _ in found] == list(range(1, 201))
    assert len({event_id for _, _, event_id in found}) == 200
    (producer_id,) = {producer for _, producer, _ in found}
    # The ledger knows how far the one that was killed came, and of no number that nobody answered for.
    assert numbered(broker, producer_id) == {"numbered": (200, [])}
    assert list((home / "spool").iterdir()) == []


def test_a_gateway_that_answers_before_its_spool_holds_anything_is_found_out(
    broker: str, nowhere: str, tmp_path: Path
) -> None:
    """The control: the same kill, and what was answered with 200 doesn't come."""
    home, name = tmp_path / "gateway", f"forgotten-{uuid.uuid4().hex}"
    assert accepted_in_an_outage(home, nowhere, name, "forgetful", requests=2) == 20
    with gateway(home, broker) as second:
        wait_until(lambda: second.status() == "ok", SECONDS, "a gateway with a broker")
        assert second.post(name, ["last"]) == 200
        assert len(comes_true(lambda: arrived(broker, name), SECONDS)) == 1


def test_a_gateway_comes_back_from_its_disk_when_the_broker_does(tmp_path: Path) -> None:
    """One process, and a broker that is killed under it."""
    from tests import backing  # noqa: PLC0415 - a broker of its own, as it is killed

    name = f"back-{uuid.uuid4().hex}"
    (tmp_path / "broker").mkdir()
    with backing.broker(tmp_path / "broker") as own, gateway(tmp_path / "gateway", own.bootstrap) as running:
        ids = [uuid.uuid4().hex for _ in range(30)]
        assert [running.post(name, [each]) for each in ids[:10]] == [200] * 10
        own.kill()
        assert [running.post(name, [each]) for each in ids[10:20]] == [200] * 10
        assert running.metric("tidegate_gateway_spooled_records_total") >= 10
        own.start_again()
        wait_until(lambda: running.status() == "ok", SECONDS, "the spool isn't empty")
        assert [running.post(name, [each]) for each in ids[20:]] == [200] * 10
        found = arrived(own.bootstrap, name)
        assert len({event_id for _, _, event_id in found}) == 30
        order = list(dict.fromkeys(number for number, _, _ in found if number <= 20))
        assert order == list(range(1, 21))
