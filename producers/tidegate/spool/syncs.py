"""Answers that wait for the disk: one sync serves all that came while the last one ran."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from tidegate.publish import OnDelivery

log = logging.getLogger(__name__)


class Syncs:
    """Calls back when what was written before is on the medium. Thread-safe.

    Its thread begins with the first answer that waits: a spool that nothing goes to costs nothing.
    """

    def __init__(self, sync: Callable[[], None]) -> None:
        self._sync = sync
        self._lock, self._asked = threading.Lock(), threading.Event()
        self._waiting: list[OnDelivery] = []
        self._thread: threading.Thread | None = None
        self._closed = False

    def answer(self, on_delivery: OnDelivery) -> None:
        """Tell that a record is kept, once it is: None, or why the disk doesn't hold it."""
        with self._lock:
            self._waiting.append(on_delivery)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="tidegate-spool-sync", daemon=True)
                self._thread.start()
        self._asked.set()

    def close(self) -> None:
        """Answer for what still waits, and stop."""
        self._closed = True
        self._asked.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._closed or self._waiting:
            self._asked.wait()
            self._asked.clear()
            with self._lock:
                waiting, self._waiting = self._waiting, []
            if waiting:
                error = self._synced()
                for on_delivery in waiting:
                    on_delivery(error)

    def _synced(self) -> str | None:
        try:
            self._sync()
        except OSError as error:
            log.error("the spool's disk does not hold what was written: %s", error.strerror)
            return f"the spool's disk does not hold it: {error.strerror}"
        return None
