"""The queue between an application's threads and Kafka: they put, one thread takes, encodes and publishes."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tidegate.counter import Numbering
from tidegate.errors import QueueFullError
from tidegate_schemas.topics import Kind

log = logging.getLogger(__name__)

BATCH_EVENTS = 500
"""Handed over at once: some 3 ms of work, between which the application's threads have their turn."""
LINGER_SECONDS = 0.005
"""For more to come, so that a busy application pays for one awakening instead of one an event."""
EVENT_BYTES = 2_048
"""What an event takes in the queue besides its texts, generously."""

Event = dict[str, Any]


class Waiting(NamedTuple):
    """An event in the queue; `size_bytes` is what it counts for."""

    kind: Kind
    event: Event
    size_bytes: int


class Outbox:
    """Numbers events and holds them, in order, until `send` has taken them. Thread-safe; a signal handler may put, too.

    Holds `max_events` and `max_bytes` at most. The thread starts with the first event. What `send` raises is logged and
    costs its batch.
    """

    def __init__(
        self, send: Callable[[Sequence[Waiting]], None], numbering: Numbering, *, max_events: int, max_bytes: int
    ) -> None:
        self._send, self._numbering = send, numbering
        self._max_events, self._max_bytes = max_events, max_bytes
        self._queue: deque[Waiting] = deque()
        #: For those who put. Whoever takes needs none, so that a handler that interrupted a put may wait for it.
        self._lock = threading.RLock()
        self._drains = threading.RLock()
        self._in_events = self._in_bytes = self._out_events = self._out_bytes = 0
        self._wake, self._hurry, self._progress = threading.Event(), threading.Event(), threading.Event()
        self._asleep = True
        self._closed = False
        self._thread: threading.Thread | None = None

    def __len__(self) -> int:
        return self._in_events - self._out_events

    def put(self, kind: Kind, event: Event, text_bytes: int = 0) -> None:
        """Number an event and queue it. QueueFullError if there is no room; its number is used up all the same."""
        size = EVENT_BYTES + text_bytes
        with self._lock:
            event["sequence"] = self._numbering.take()
            self._admit(Waiting(kind, event, size))
        if self._asleep:
            self._rouse()

    def put_all(self, waiting: Sequence[Waiting]) -> list[Waiting]:
        """Number these and queue them without others in between; returns those that there was no room for."""
        if not waiting:
            return []
        refused, queue = [], self._queue
        with self._lock:
            room = 0 if self._closed else self._max_events - (self._in_events - self._out_events)
            bytes_left = self._max_bytes - (self._in_bytes - self._out_bytes)
            before = bytes_left
            for one, number in zip(waiting, self._numbering.take_block(len(waiting)), strict=True):
                one.event["sequence"] = number
                if room <= 0 or one.size_bytes > bytes_left:
                    refused.append(one)
                    continue
                queue.append(one)
                self._in_events += 1
                room -= 1
                bytes_left -= one.size_bytes
            self._in_bytes += before - bytes_left
        if self._asleep:
            self._rouse()
        return refused

    def wait_for_room(self, events: int, deadline: float) -> None:
        """Wait until so many events fit, but not past a deadline (`time.monotonic`)."""
        while len(self) and len(self) + events > self._max_events and time.monotonic() < deadline:
            self._await_progress(deadline)

    def flush(self, timeout_seconds: float) -> int:
        """Wait until what is queued now is sent; returns how much isn't."""
        deadline, target = time.monotonic() + timeout_seconds, self._in_events
        self._hurry.set()
        if self._thread is None or not self._thread.is_alive():
            self._drain(deadline)  # at the end of a process no thread can start
        while self._out_events < target and time.monotonic() < deadline:
            self._await_progress(deadline)
        self._hurry.clear()
        return max(0, target - self._out_events)

    def close(self, timeout_seconds: float) -> int:
        """Flush and stop; returns how much was left. Later events find no room."""
        deadline = time.monotonic() + timeout_seconds
        left = self.flush(timeout_seconds)
        self._closed = True
        self._hurry.set()
        self._wake.set()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(max(0.1, deadline - time.monotonic()))
        return left

    def _admit(self, one: Waiting) -> None:
        events, held = self._in_events - self._out_events, self._in_bytes - self._out_bytes
        if self._closed or events >= self._max_events or held + one.size_bytes > self._max_bytes:
            raise QueueFullError(
                f"the queue holds {events} events and {held} bytes, of {self._max_events} and {self._max_bytes} at most"
                if not self._closed
                else "the client was shut down"
            )
        self._queue.append(one)
        self._in_events += 1
        self._in_bytes += one.size_bytes

    def _rouse(self) -> None:
        if self._thread is not None:
            self._wake.set()
            return
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="tidegate-sender", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # the interpreter is ending: `flush` sends
                    return
                self._thread = thread

    def _await_progress(self, deadline: float) -> None:
        self._wake.set()
        self._progress.wait(min(0.02, max(0.0, deadline - time.monotonic())))
        self._progress.clear()

    def _run(self) -> None:
        while True:
            self._asleep = True
            if not self._queue:
                self._progress.set()
                if self._closed:
                    return
                self._wake.wait()
            self._asleep = False
            self._wake.clear()
            if not self._hurry.is_set():
                self._hurry.wait(LINGER_SECONDS)
            self._drain(float("inf"))

    def _drain(self, deadline: float) -> None:
        with self._drains:
            while self._queue and time.monotonic() < deadline:
                batch = [self._queue.popleft() for _ in range(min(BATCH_EVENTS, len(self._queue)))]
                try:
                    self._send(batch)
                except Exception as error:  # noqa: BLE001 - the thread goes on; the error's text may hold anything
                    log.error("sending %d events raised %s", len(batch), type(error).__name__)
                self._out_events += len(batch)
                self._out_bytes += sum(one.size_bytes for one in batch)
                self._progress.set()
