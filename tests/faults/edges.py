"""Edges that are killed at random, and what whoever uses them knows of its own events."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import uuid
from pathlib import Path
from random import Random

import httpx
from tests.faults.stack import Stack
from tests.waiting import wait_until

from tidegate_infra.keys import ensure_keys
from tidegate_infra.processes import spawn
from tidegate_infra.settings import Settings

HERE = Path(__file__).parent
TRACKED, POSTED = "tracked", "posted"
"""Names of the events that come by the SDK and by the gateway."""
MOST_EVENTS = 600


class Applications:
    """Processes that track events with the SDK, one after the other, with one spool."""

    def __init__(self, stack: Stack, rng: Random) -> None:
        self._stack, self._rng = stack, rng
        self.spool = stack.home / "spool"
        self.sent = self.killed = 0

    def run(self, *, fatal: bool) -> None:
        """Run one until it has killed itself after a number of calls, or has sent all and ended well."""
        count = self._rng.randrange(2, MOST_EVENTS)
        last = self._rng.randrange(1, count) if fatal else 0
        arguments = [str(self.spool), self._stack.brokers, TRACKED, str(self.sent), str(count), str(last)]
        app = subprocess.run([sys.executable, str(HERE / "losing_app.py"), *arguments], check=False, timeout=90)
        assert app.returncode == (-signal.SIGKILL if fatal else 0)
        self.sent += last if fatal else count
        self.killed += fatal


class Gateway:
    """A gateway at one address, killed and started again."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._process = self._started()
        self.kills = 0

    def _started(self) -> subprocess.Popen[bytes]:
        key = ensure_keys(Settings(home=self._stack.home)).dead_letter_public_key.hex()
        arguments = [self._stack.brokers, str(self._port), key, str(self._stack.home / "counters")]
        with (self._stack.home / "gateway.log").open("ab") as log:
            return spawn([sys.executable, str(HERE / "run_gateway.py"), *arguments], log, dict(os.environ))

    def kill_and_start_again(self) -> None:
        """SIGKILL, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        self.kills += 1
        self._process = self._started()
        wait_until(self.healthy, 60, "a gateway that answers")

    def healthy(self) -> bool:
        """Whether it answers and has a broker."""
        try:
            return httpx.get(f"{self.url}/healthz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def stop(self) -> None:
        """End it well."""
        wait_until(self.healthy, 60, "a gateway that answers")
        self._process.terminate()
        self._process.wait(30)


class Poster(threading.Thread):
    """A client of the gateway that sends each batch again, under the same ids, until it is told that it is taken."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._url, self._stop_now = url, threading.Event()
        self.taken: list[str] = []
        self.tries = 0

    def run(self) -> None:
        """Post until told to stop."""
        while not self._stop_now.is_set():
            ids = [uuid.uuid4().hex for _ in range(20)]
            items = [{"type": "track", "event": POSTED, "userId": each, "messageId": each} for each in ids]
            while not self._taken({"writeKey": "write-key", "batch": items}):
                self._stop_now.wait(0.1)
            self.taken += ids

    def _taken(self, body: object) -> bool:
        self.tries += 1
        try:
            return httpx.post(f"{self._url}/v1/batch", json=body, timeout=20).status_code == 200
        except httpx.HTTPError:
            return False

    def stop(self) -> None:
        """Stop after the batch at hand."""
        self._stop_now.set()
        self.join(60)
        assert not self.is_alive()
