"""A publisher that keeps records on disk until Kafka has them, and sends what earlier processes left."""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from tidegate.errors import QueueFullError, SpoolBusyError
from tidegate.publish import Encoding, OnDelivery, Outlet
from tidegate.spool.frames import Record
from tidegate.spool.segments import Place
from tidegate.spool.spool import Spool
from tidegate_schemas.registry import SchemaRegistry

log = logging.getLogger(__name__)

Mode = Literal["durable", "overflow"]

IN_FLIGHT = 5_000
"""Records of the spool that Kafka's client has at once."""
PAUSE_SECONDS = 1.0
"""After a record that didn't arrive, until the next try."""
IDLE_SECONDS = 0.5
ADOPT_SECONDS = 10.0
"""Between two looks for spools whose processes have ended."""


class SpoolingPublisher(Encoding):
    """A Publisher over an outlet (Kafka) and a spool in a home of its own below `root`.

    `durable`: each record is on disk before `publish` returns; a kill of the process loses nothing. `overflow`: only
    what the outlet didn't take, or gave back, goes to disk, and what comes while something is there; a kill loses what
    the outlet's queue held. In both, delivered means that Kafka or the disk has it. Spools of processes that have ended
    are sent, too.
    """

    def __init__(
        self,
        outlet: Outlet,
        root: Path,
        *,
        mode: Mode = "overflow",
        max_bytes: int = 256 << 20,
        registry: SchemaRegistry | None = None,
        generation: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(registry, generation)
        self._outlet, self._root, self._mode, self._clock = outlet, root, mode, clock
        self._own = Spool(root / f"{os.getpid()}-{uuid.uuid4().hex[:12]}", max_bytes=max_bytes)
        self._sending: list[Spool] = [self._own]
        self._more, self._stop = threading.Event(), threading.Event()
        self._in_flight = threading.Semaphore(IN_FLIGHT)
        self._try_after = 0.0
        self._adopted = float("-inf")
        self._adopt()
        self._thread = threading.Thread(target=self._send_all, name="tidegate-spool", daemon=True)
        self._thread.start()

    @property
    def pending(self) -> int:
        """Records on disk that Kafka hasn't acknowledged."""
        return sum(spool.pending for spool in self._sending)

    def put(self, topic: str, key: bytes, value: bytes, on_delivery: OnDelivery | None) -> None:
        """See `Outlet.put`."""
        record = Record(topic, key, value)
        if self._mode == "durable" or self._own.pending:
            self._keep(record)
            _tell(on_delivery)
            return

        def delivered(error: str | None) -> None:
            if error is None:
                _tell(on_delivery)
                return
            try:
                self._keep(record)
            except QueueFullError as full:
                _tell(on_delivery, f"{error}; {full}")
            else:
                _tell(on_delivery)

        try:
            self._outlet.put(topic, key, value, delivered)
        except QueueFullError:
            self._keep(record)
            _tell(on_delivery)

    def _keep(self, record: Record) -> None:
        self._own.append(record)
        self._more.set()

    def poll(self) -> None:
        """See `Publisher.poll`."""
        self._outlet.poll()

    def flush(self, timeout_seconds: float) -> int:
        """See `Publisher.flush`; what is on disk counts as queued until Kafka has it."""
        deadline = self._clock() + timeout_seconds
        left = self._outlet.flush(timeout_seconds)
        while self.pending and self._clock() < deadline:
            self._more.set()
            threading.Event().wait(0.01)
            left = self._outlet.flush(max(0.0, deadline - self._clock()))
        return left + self.pending

    def ready(self, timeout_seconds: float) -> bool:
        """Whether it takes records: with a spool always."""
        return True

    def close(self, timeout_seconds: float = 10.0) -> int:
        """See `Publisher.close`. What is left stays on disk, for the next process with this root."""
        if self._stop.is_set():
            return self.pending
        deadline = self._clock() + timeout_seconds
        left = self.flush(timeout_seconds)
        self._stop.set()
        self._more.set()
        self._thread.join()
        self._outlet.close(max(0.0, deadline - self._clock()))
        for spool in self._sending:
            spool.close()
        return left

    def abandon(self) -> None:
        """See `Publisher.abandon`."""
        self._outlet.abandon()
        for spool in self._sending:
            spool.abandon()

    def _send_all(self) -> None:
        while not self._stop.is_set():
            if self._clock() - self._adopted >= ADOPT_SECONDS:
                self._adopt()
            if self._clock() < self._try_after:
                self._stop.wait(self._try_after - self._clock())
            sent = [self._send(spool) for spool in self._sending]
            if not any(sent):
                self._more.wait(IDLE_SECONDS)
                self._more.clear()
            self._leave_empty()

    def _send(self, spool: Spool) -> bool:
        """Hand over some of a spool's records; whether there were any."""
        taken = spool.take(IN_FLIGHT // 10)
        for number, (place, record) in enumerate(taken):
            if not self._handed_over(spool, place, record):
                spool.again(place for place, _ in taken[number:])
                self._try_after = self._clock() + PAUSE_SECONDS
                return False
        return bool(taken)

    def _handed_over(self, spool: Spool, place: Place, record: Record) -> bool:
        while not self._in_flight.acquire(timeout=IDLE_SECONDS):
            if self._stop.is_set():
                return False
        try:
            self._outlet.put(*record, self._settle(spool, place))
        except QueueFullError:
            self._in_flight.release()
            return False
        return True

    def _settle(self, spool: Spool, place: Place) -> OnDelivery:
        def settle(error: str | None) -> None:
            self._in_flight.release()
            if error is None:
                spool.done([place])
            else:
                spool.again([place])
                self._try_after = self._clock() + PAUSE_SECONDS

        return settle

    def _adopt(self) -> None:
        """Take over the spools whose processes have ended."""
        self._adopted = self._clock()
        own = {spool.home for spool in self._sending}
        for home in sorted(path for path in self._root.iterdir() if path.is_dir() and path not in own):
            try:
                spool = Spool(home)
            except (SpoolBusyError, FileNotFoundError):
                continue
            if spool.pending:
                log.info("sending %d records that an earlier process left in %s", spool.pending, home)
            self._sending.append(spool)

    def _leave_empty(self) -> None:
        for spool in [spool for spool in self._sending if spool is not self._own and not spool.pending]:
            self._sending.remove(spool)
            spool.close()


def _tell(on_delivery: OnDelivery | None, error: str | None = None) -> None:
    if on_delivery:
        on_delivery(error)
