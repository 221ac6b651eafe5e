"""Publishes a process's instruments every some seconds."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from tidegate.instruments import Instruments
from tidegate.settings import Clock

log = logging.getLogger(__name__)


class Metering:
    """Instruments, and a thread that starts with the first one and collects their points. Thread-safe."""

    def __init__(self, publish: Callable[[dict[str, Any]], None], clock: Clock, interval_seconds: float) -> None:
        self._publish, self._clock, self._interval_seconds = publish, clock, interval_seconds
        self._instruments = Instruments()
        self._begin()

    def _begin(self) -> None:
        #: A signal's handler may collect while a collection is under way.
        self._lock, self._stopped = threading.RLock(), threading.Event()
        self._thread: threading.Thread | None = None
        self._collected_at = self._clock()

    def instruments(self) -> Instruments:
        """All of them; asking is what starts the thread."""
        if self._thread is None:
            self._start()
        return self._instruments

    def collect(self) -> None:
        """Publish what was added up since the last time."""
        with self._lock:
            began_at, self._collected_at = self._collected_at, self._clock()
            for point in self._instruments.collect(began_at):
                self._publish(point)

    def stop(self) -> None:
        """Collect no more by itself."""
        self._stopped.set()

    def after_fork_in_child(self) -> None:
        """Begin anew, if there are instruments: what these held is the parent's to publish."""
        self._instruments.unlock()
        self._begin()
        if len(self._instruments):
            self._start()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="tidegate-metrics", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._stopped.wait(self._interval_seconds):
            try:
                self.collect()
            except Exception as error:  # noqa: BLE001 - the thread goes on; the error's text may hold anything
                log.error("collecting metrics raised %s; the next interval tries again", type(error).__name__)
