"""A broker for tests and benchmarks: fresh ports, a home of its own, gone when the block ends."""

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tidegate_infra.broker.jars import default_cache
from tidegate_infra.broker.prepare import BrokerCommand, prepare
from tidegate_infra.broker.properties import BrokerAddress
from tidegate_infra.broker.topics import create_topics, tidegate_topics, wait_for_broker
from tidegate_infra.errors import BrokerError, UnavailableError
from tidegate_infra.processes import free_ports, spawn, stop_group

__all__ = ["RunningBroker", "start"]

_STOP_SECONDS = 10


@dataclass(frozen=True)
class RunningBroker:
    """A broker that answers at `bootstrap`, run by `process`."""

    bootstrap: str
    process: subprocess.Popen[bytes]


@contextmanager
def start(home: Path, partitions: int = 2, ready_seconds: float = 60) -> Iterator[RunningBroker]:
    """Run a broker with Tidegate's topics in `home` (kept, so that it can be started there again).

    Other topics are made with `tidegate_infra.broker.topics.create_topics`: the broker creates none by itself.
    """
    port, controller_port = free_ports(2)
    command = prepare(home, BrokerAddress(port, controller_port), default_cache())
    with (home / "broker.log").open("ab") as log:
        process = spawn(command.argv, log)
    try:
        _wait(command, process, ready_seconds)
        create_topics(command.address.bootstrap, tidegate_topics(partitions))
        yield RunningBroker(command.address.bootstrap, process)
    finally:
        stop_group(process.pid, signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            stop_group(process.pid, signal.SIGKILL)
            process.wait()


def _wait(command: BrokerCommand, process: subprocess.Popen[bytes], seconds: float) -> None:
    log = command.home / "broker.log"
    until = time.monotonic() + seconds
    while True:
        if process.poll() is not None:
            raise BrokerError(f"the broker ended with code {process.returncode}: {log.read_text()[-2000:]}")
        try:
            return wait_for_broker(command.address.bootstrap, min(1.0, seconds))
        except UnavailableError as error:
            if time.monotonic() > until:
                raise BrokerError(f"the broker isn't ready after {seconds:.0f} s, see {log}") from error
