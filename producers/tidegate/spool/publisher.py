"""A publisher that keeps records on disk until Kafka has them, and sends what earlier processes left."""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from tidegate.errors import PublishError, QueueFullError, SpoolBusyError
from tidegate.publish import Encoding, GiveBack, KeyAndValue, OnDelivery, Outlet, Seal, or_given_back
from tidegate.spool.frames import Record
from tidegate.spool.segments import Place
from tidegate.spool.spool import Spool
from tidegate.spool.syncs import Syncs
from tidegate_schemas.registry import SchemaRegistry
from tidegate_schemas.subjects import MAX_RECORD_BYTES

log = logging.getLogger(__name__)

Mode = Literal["durable", "overflow"]

IN_FLIGHT = 5_000
"""Records of the spool that Kafka's client has at once."""
PROBE = 50
"""Records that are tried while Kafka is away: more than one, as one may be what Kafka doesn't take."""
PAUSE_SECONDS = 1.0
"""After a record that didn't arrive, until the next try."""
IDLE_SECONDS = 0.5
ADOPT_SECONDS = 10.0
"""Between two looks for spools whose processes have ended."""


class SpoolingPublisher(Encoding):
    """A Publisher over an outlet (Kafka) and a spool in a home of its own below `root`.

    `durable`: each record is on disk before `publish` returns; a kill of the process loses nothing. `overflow`: only
    what the outlet didn't take, or gave back, goes to disk, and what comes while that waits there or Kafka is away; a
    kill loses what the outlet's queue held. In both, delivered means that Kafka or the disk has it; `synced`: that a
    loss of power doesn't take it from there either, which costs a sync for what comes at a time. Spools of processes
    that have ended are sent, too, and count against `max_bytes`.
    """

    def __init__(  # noqa: PLR0913 - each is about another thing, and has a default
        self,
        outlet: Outlet,
        root: Path,
        *,
        mode: Mode = "overflow",
        synced: bool = False,
        max_bytes: int = 256 << 20,
        registry: SchemaRegistry | None = None,
        generation: int = 1,
        clock: Callable[[], float] = time.monotonic,
        seal: Seal | None = None,
    ) -> None:
        super().__init__(registry, generation, seal)
        self._outlet, self._root, self._mode, self._clock = outlet, root, mode, clock
        self._own = Spool(root / f"{os.getpid()}-{uuid.uuid4().hex[:12]}", max_bytes=max_bytes, synced=synced)
        self._sending: list[Spool] = [self._own]
        self._syncs = Syncs(self._own.sync) if synced else None
        self._away = self._handing_over = False
        self.max_bytes = max_bytes
        self.kept = 0
        """Records that went to disk, since the start."""
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

    @property
    def full(self) -> bool:
        """Whether a large record would find no room."""
        return self.held_bytes + MAX_RECORD_BYTES > self.max_bytes

    @property
    def held_bytes(self) -> int:
        """On disk, of this process and of earlier ones."""
        return sum(spool.held_bytes for spool in self._sending)

    @property
    def oldest_at(self) -> float | None:
        """When the oldest file with records that Kafka hasn't was begun, in seconds since the epoch; None for none."""
        return min((at for spool in self._sending if (at := spool.oldest_at) is not None), default=None)

    def put(self, topic: str, key: bytes, value: bytes, on_delivery: OnDelivery | None) -> None:
        """See `Outlet.put`."""
        record = Record(topic, key, value)
        if not self._direct:
            self._keep(record, on_delivery)
            return

        def delivered(error: str | None) -> None:
            if error is not None:
                self._returned(record, error, on_delivery)
            elif on_delivery:
                on_delivery(None)

        try:
            self._outlet.put(topic, key, value, delivered)
        except QueueFullError:
            self._keep(record, on_delivery)

    def put_all(
        self,
        topic: str,
        records: Sequence[KeyAndValue],
        on_delivery: OnDelivery | None,
        give_back: GiveBack | None = None,
    ) -> list[KeyAndValue]:
        """See `Outlet.put_all`; what the disk has is delivered."""

        def told(record: KeyAndValue) -> OnDelivery | None:
            return or_given_back(record, on_delivery, give_back)

        left = list(records)
        if self._direct:
            left = self._outlet.put_all(
                topic,
                records,
                on_delivery,
                lambda record, error, _: self._returned(Record(topic, *record), error, told(record)),
            )
        for number, record in enumerate(left):
            try:
                self._keep(Record(topic, *record), told(record))
            except QueueFullError:
                return left[number:]
        return []

    def poll(self) -> None:
        """See `Publisher.poll`."""
        self._outlet.poll()

    @property
    def _direct(self) -> bool:
        """Whether records go by the outlet at once: not before those that wait on disk, nor to a Kafka that is away.

        What the outlet already has is no reason to wait, or a busy process would never leave its disk again.
        """
        if self._mode == "durable":
            return False
        own = self._own
        return not own.pending or not (self._away or self._handing_over or own.waiting)

    def _returned(self, record: Record, error: str, on_delivery: OnDelivery | None) -> None:
        """Keep what the outlet gave back."""
        self._away = True
        try:
            self._keep(record, on_delivery)
        except QueueFullError as full:
            if on_delivery:
                on_delivery(f"{error}; {full}")

    def _keep(self, record: Record, on_delivery: OnDelivery | None) -> None:
        self._own.append(record, self.held_bytes - self._own.held_bytes)
        self.kept += 1
        self._more.set()
        if on_delivery is None:
            return
        if self._syncs is None:
            on_delivery(None)
        else:
            self._syncs.answer(on_delivery)

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
        if self._syncs is not None:
            self._syncs.close()
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
                if not self._more.wait(IDLE_SECONDS):
                    self._own.tidy()
                self._more.clear()
            self._leave_empty()

    def _send(self, spool: Spool) -> bool:
        """Hand over some of a spool's records, a few while Kafka is away; whether there were any."""
        self._handing_over = True
        try:
            taken = spool.take(self._most(spool))
            for number, (place, record) in enumerate(taken):
                if not self._handed_over(spool, place, record):
                    spool.again(place for place, _ in taken[number:])
                    self._try_after = self._clock() + PAUSE_SECONDS
                    return False
            return bool(taken)
        finally:
            self._handing_over = False

    def _most(self, spool: Spool) -> int:
        """How many records of a spool to try now."""
        if not self._away:
            return IN_FLIGHT // 10
        return max(0, PROBE - (spool.pending - spool.waiting))

    def _handed_over(self, spool: Spool, place: Place, record: Record) -> bool:
        while not self._in_flight.acquire(timeout=IDLE_SECONDS):
            if self._stop.is_set():
                return False
        try:
            self._outlet.put(*record, self._settle(spool, place))
        except PublishError as error:
            if not isinstance(error, QueueFullError):
                log.warning("a record stays on disk: %s", error)
            self._in_flight.release()
            return False
        return True

    def _settle(self, spool: Spool, place: Place) -> OnDelivery:
        def settle(error: str | None) -> None:
            self._in_flight.release()
            if error is None:
                spool.done([place])
                if self._away:
                    self._away = False
                    self._more.set()
            else:
                self._away = True
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
