"""One node's process: killed at any moment, and started again at the same address with the same data."""

import signal
import subprocess
import time

from tidegate_infra.broker.prepare import BrokerCommand
from tidegate_infra.broker.topics import wait_for_broker
from tidegate_infra.errors import BrokerError, UnavailableError
from tidegate_infra.processes import spawn, stop_group

__all__ = ["Node"]

_STOP_SECONDS = 10
_STEP_SECONDS = 1.0


class Node:
    """A prepared node, and its process while it has one. It dies at the latest with the thread that launched it."""

    def __init__(self, command: BrokerCommand) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """Address of this node alone."""
        return self._command.address.bootstrap

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.poll() is None

    def launch(self) -> None:
        """Start the process and return at once; BrokerError if it runs already."""
        if self.alive:
            raise BrokerError(f"the node at {self.bootstrap} runs already. Fix: kill it before it is started again.")
        with (self._command.home / "broker.log").open("ab") as log:
            self._process = spawn(self._command.argv, log)

    def wait(self, nodes: int, seconds: float) -> None:
        """Block until it answers and knows of so many nodes; BrokerError if it ends before or takes longer."""
        log, until = self._command.home / "broker.log", time.monotonic() + seconds
        while True:
            if self._process is None or (code := self._process.poll()) is not None:
                ended = "was not launched" if self._process is None else f"ended with code {code}"
                raise BrokerError(f"the broker {ended}: {log.read_text(errors='replace')[-2000:]}")
            try:
                return wait_for_broker(self.bootstrap, min(_STEP_SECONDS, seconds), nodes)
            except UnavailableError as error:
                if time.monotonic() > until:
                    raise BrokerError(f"the broker isn't ready after {seconds:.0f} s ({error}), see {log}") from error

    def kill(self) -> None:
        """End it by SIGKILL and wait until it is gone."""
        if self._process is not None:
            stop_group(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def stop(self) -> None:
        """Ask it to stop, and kill it if it takes more than ten seconds."""
        if self._process is not None and self.alive:
            stop_group(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
