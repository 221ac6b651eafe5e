"""Workers that are started again when they end, as a supervisor does, and that a fault kills, pauses or adds to."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass

from tidegate_infra.processes import stop_group

PAUSE_SECONDS = 0.3
STOP_SECONDS = 30.0


@dataclass
class _Place:
    process: subprocess.Popen[bytes] | None = None
    kept: bool = True


class Workers:
    """Places that a thread keeps filled: a child lives no longer than the thread that started it."""

    def __init__(self, start: Callable[[int], subprocess.Popen[bytes]], number: int = 1) -> None:
        self._start, self._places = start, [_Place() for _ in range(number)]
        self._over = threading.Event()
        self._lock = threading.Lock()
        self.restarts = 0
        self._thread = threading.Thread(target=self._keep, name="workers")
        self._thread.start()

    def _keep(self) -> None:
        while not self._over.is_set():
            with self._lock:
                for number, place in enumerate(self._places):
                    if place.kept and (place.process is None or place.process.poll() is not None):
                        self.restarts += place.process is not None
                        place.process = self._start(number)
            self._over.wait(PAUSE_SECONDS)
        for place in self._places:
            if place.process is not None:
                stop_group(place.process.pid, signal.SIGCONT)
                stop_group(place.process.pid, signal.SIGTERM)
        for place in self._places:
            if place.process is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    place.process.wait(STOP_SECONDS)
                stop_group(place.process.pid, signal.SIGKILL)
                place.process.wait()

    def add(self) -> None:
        """One more joins the group."""
        with self._lock:
            self._places.append(_Place())

    def pid(self, number: int = 0) -> int:
        """Of the process that fills a place now; 0 if none does."""
        with self._lock:
            process = self._places[number].process
        return process.pid if process is not None else 0

    def kill(self, number: int = 0) -> None:
        """SIGKILL; it is started again."""
        self._signal(number, signal.SIGKILL)

    def pause(self, number: int = 0) -> None:
        """SIGSTOP: it holds its partitions and doesn't know that its session ends."""
        self._signal(number, signal.SIGSTOP)

    def wake(self, number: int = 0) -> None:
        """SIGCONT."""
        self._signal(number, signal.SIGCONT)

    def leave(self, number: int = 0) -> None:
        """SIGTERM, for good; returns when it has ended."""
        with self._lock:
            self._places[number].kept = False
        process = self._signal(number, signal.SIGTERM)
        if process is not None:
            process.wait(STOP_SECONDS)

    def back(self, number: int = 0) -> None:
        """One that left is wanted again."""
        with self._lock:
            self._places[number].kept = True

    def _signal(self, number: int, what: signal.Signals) -> subprocess.Popen[bytes] | None:
        with self._lock:
            process = self._places[number].process
        if process is not None:
            stop_group(process.pid, what)
        return process

    def stop(self) -> None:
        """End all of them."""
        self._over.set()
        self._thread.join()
