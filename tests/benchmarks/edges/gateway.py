"""One gateway on one core, the load generator and the broker on the other; the work is checked in the raw topics."""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from tests.benchmarks.edges import load, servers
from tests.benchmarks.edges.payloads import Workload

from tidegate_infra.broker import fixture as broker_fixture
from tidegate_infra.broker.jars import default_cache
from tidegate_infra.ports import PortClaims, pick
from tidegate_schemas.columns import ColumnCodec
from tidegate_schemas.subjects import raw_schema
from tidegate_schemas.topics import raw_topic
from tidegate_stream.log import Log

ROOT = Path(__file__).parents[3]
READY_SECONDS = 30.0
ROUNDS = 3
ROUND_SECONDS = 2.5
"""How long a round takes where a mark is just met."""
OPEN_SECONDS = 6.0
WARM_UP = 0.3
"""Of a round's requests, sent before the first one."""


class WrongWorkError(Exception):
    """What was answered isn't what is in the topics."""


@dataclass(frozen=True)
class Measured:
    """Events per second of a gateway, and of others on the same requests; waits at a rate; shares of a core."""

    per_second: float
    busy: float
    bare_per_second: float
    bare_busy: float
    trivial_per_second: float
    p99_seconds: float
    median_seconds: float
    open_busy: float


@dataclass(frozen=True)
class Server:
    """A process that answers on a port."""

    process: psutil.Process
    port: int

    @property
    def cpu_seconds(self) -> float:
        """What it has used."""
        return sum(self.process.cpu_times()[:2])

    def closed(self, requests: Sequence[bytes]) -> load.Outcome:
        """As much as it takes."""
        return _sound(load.closed(requests, servers.HOST, self.port))

    def open_loop(self, requests: Sequence[bytes], per_second: float) -> load.Outcome:
        """So many requests a second, whatever it takes."""
        return _sound(load.open_loop(requests, servers.HOST, self.port, per_second))


def measure(workload: Workload, mark: float, home: Path) -> Measured:
    """Rounds of a gateway, a bare endpoint and a trivial server in turn, then half of the mark in open loop."""
    number = int(mark * ROUND_SECONDS / workload.events)
    with ExitStack() as stack:
        cores = sorted(os.sched_getaffinity(0))
        stack.enter_context(on_core(cores[-1]))
        brokers = stack.enter_context(broker_fixture.start(home / "broker", 1)).bootstrap
        own, bare, trivial = (
            stack.enter_context(running(what, cores[0], brokers, home)) for what in ("gateway", "bare", "trivial")
        )
        sent = _Sent(workload)
        first = sent.requests(int(number * WARM_UP))
        for server in (own, bare) if workload.is_json else (own,):
            server.closed(first)
        rates: dict[str, list[float]] = {"own": [], "busy": [], "bare": [], "bare_busy": [], "trivial": []}
        for _ in range(ROUNDS):
            requests = sent.requests(number)
            for name, server in (("", own), ("bare_", bare)) if workload.is_json else (("", own),):
                before = server.cpu_seconds
                seconds = server.closed(requests).seconds
                rates[f"{name}busy"].append((server.cpu_seconds - before) / seconds)
                rates[name.rstrip("_") or "own"].append(number * workload.events / seconds)
            rates["trivial"].append(number * workload.events / trivial.closed(requests).seconds)
        per_second = mark / 2 / workload.events
        requests, before = sent.requests(int(per_second * OPEN_SECONDS)), own.cpu_seconds
        at_half = own.open_loop(requests, per_second)
        open_busy = (own.cpu_seconds - before) / at_half.seconds
        sent.check(brokers)
        found = {name: statistics.median(each or [0.0]) for name, each in rates.items()}
        return Measured(
            found["own"],
            found["busy"],
            found["bare"],
            found["bare_busy"],
            found["trivial"],
            at_half.p99_seconds(),
            statistics.median(at_half.waits),
            open_busy,
        )


class _Sent:
    """Requests, and the ids that the raw topic must have of them."""

    def __init__(self, workload: Workload) -> None:
        self._workload, self._ids = workload, set[str]()

    def requests(self, number: int) -> list[bytes]:
        """New ones. Those that went to another server before count as well if a gateway gets them."""
        made = [self._workload.make() for _ in range(number)]
        self._ids.update(event_id for _, ids in made for event_id in ids)
        return [request for request, _ in made]

    def check(self, brokers: str) -> None:
        """Every event is there once, by its id. Raises WrongWorkError."""
        kind, found = self._workload.kind, Counter[str]()
        codec, values = ColumnCodec(raw_schema(kind)), list[bytes]()
        with Log(brokers) as log:
            for message in log.records(dict.fromkeys(log.places([raw_topic(kind)]), 0)):
                values.append(message.value() or b"")
        for first in range(0, len(values), 10_000):
            found.update(codec.decode(values[first : first + 10_000]).frame["event_id"].to_list())
        check_ids(found, self._ids)


def check_ids(found: Counter[str], expected: set[str]) -> None:
    """Raises WrongWorkError unless each is there once, and no other."""
    missing, others = len(expected - found.keys()), len(found.keys() - expected)
    copies = found.total() - len(found)
    if missing or others or copies:
        raise WrongWorkError(f"of {len(expected)} events {missing} are missing, {others} are others, {copies} copies")


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """This thread, and what it starts, on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def running(what: str, core: int, brokers: str, home: Path) -> Iterator[Server]:
    """A server that answers, until the block ends."""
    claims = PortClaims(default_cache())
    port = pick(claims)
    command = [sys.executable, "-m", "tests.benchmarks.edges.servers", what, str(core), str(port), brokers, str(home)]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        _await_answer(process, port)
        yield Server(psutil.Process(process.pid), port)
    finally:
        process.terminate()
        process.wait(20)
        claims.release()


def _await_answer(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with socket.create_connection((servers.HOST, port), 1):
                return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(f"a server ended with {process.poll()} or didn't answer in {READY_SECONDS:g} s")


def _sound(outcome: load.Outcome) -> load.Outcome:
    if outcome.failures:
        raise WrongWorkError(f"{len(outcome.failures)} answers were refusals, such as {outcome.failures[0][:500]!r}")
    return outcome
