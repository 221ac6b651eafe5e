"""From queued events to records in Kafka's client: ids, common fields, Avro, and what to do where there is no room."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tidegate.drops import Drops
from tidegate.errors import PlanViolationError, PublishError, QueueFullError
from tidegate.outbox import Event, Waiting
from tidegate.publish import Encoder, KeyAndValue, OnDelivery, Publisher
from tidegate_schemas.errors import OversizeError, TidegateError
from tidegate_schemas.identity import new_event_id, new_event_ids
from tidegate_schemas.reasons import Reason
from tidegate_schemas.topics import KINDS, Kind

REPORT_SECONDS = 1.0
"""Between two reports of drops, while events go out."""
PATIENCE_SECONDS = 60.0
"""How long a batch waits for room in Kafka's client: longer than that takes to give up on what it holds."""
PAUSE_SECONDS = 0.02


def reason_for(error: Exception) -> Reason:
    """By which name an event is dropped."""
    match error:
        case QueueFullError():
            return Reason.QUEUE_FULL
        case PublishError():
            return Reason.UNDELIVERABLE
        case OversizeError():
            return Reason.OVERSIZE
        case PlanViolationError():
            return Reason.PLAN_VIOLATION
        case _:
            return Reason.INVALID_FIELD


def why(error: Exception) -> str:
    """What may be logged of an error: the text of our own, which never hold a value, and the type of others."""
    return str(error) if isinstance(error, TidegateError) else f"reading the event raised {type(error).__name__}"


class Dispatch:
    """Completes, encodes and publishes. One batch at a time, but `now` from any thread."""

    def __init__(
        self,
        open_publisher: Callable[[], Publisher],
        common: Mapping[str, Any],
        drops: Drops,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._open, self._common, self._drops = open_publisher, dict(common), drops
        self._opening = threading.Lock()
        self.opened: Publisher | None = None
        self._encode: Encoder | None = None
        self._patience_seconds = patience_seconds
        self._reported_at = float("-inf")
        self._stop = threading.Event()
        self._delivered = {kind: self._on_delivery(kind) for kind in KINDS}

    @property
    def publisher(self) -> Publisher:
        """Opened when it is first asked for: a forked child may never need its own."""
        if self.opened is None:
            with self._opening:
                if self.opened is None:
                    self.opened = self._open()
        return self.opened

    def now(self, kind: Kind, event: Event) -> None:
        """Publish one event on this thread. Raises EncodeError, QueueFullError."""
        publisher, encode = self._ready()
        record = encode(kind, {"event_id": new_event_id(), **event})
        if publisher.put_many(kind, [record], self._delivered[kind]):
            raise QueueFullError("there is no room for an event")

    def send(self, batch: Sequence[Waiting]) -> None:
        """Publish events, in order within a kind; what can't be is counted."""
        records: dict[Kind, list[KeyAndValue]] = {}
        try:
            publisher, encode = self._ready()
        except Exception as error:  # noqa: BLE001 - whatever kept it from opening, it costs this batch
            for kind, number in Counter(one.kind for one in batch).items():
                self._drops.count(kind, Reason.UNDELIVERABLE, why(error), number)
            return
        for (kind, event, _), event_id in zip(batch, new_event_ids(len(batch)), strict=True):
            event["event_id"] = event_id
            try:
                record = encode(kind, event)
            except Exception as error:  # noqa: BLE001 - one event's fault is no other's
                self._drops.count(kind, reason_for(error), why(error))
            else:
                records.setdefault(kind, []).append(record)
        for kind, encoded in records.items():
            self._publish(publisher, kind, encoded)
        if self._drops.unreported and time.monotonic() - self._reported_at >= REPORT_SECONDS:
            self.report()

    def report(self) -> None:
        """Tell the ledger of drops."""
        self._reported_at = time.monotonic()
        self._drops.report(self.publisher)

    def stop(self) -> None:
        """Wait for room no more."""
        self._stop.set()

    def _ready(self) -> tuple[Publisher, Encoder]:
        publisher = self.publisher
        if self._encode is None:
            self._encode = publisher.encoder(self._common)
        return publisher, self._encode

    def _publish(self, publisher: Publisher, kind: Kind, records: Sequence[KeyAndValue]) -> None:
        deadline = time.monotonic() + self._patience_seconds
        while records:
            try:
                records = publisher.put_many(kind, records, self._delivered[kind])
            except PublishError as error:
                self._drops.count(kind, reason_for(error), error, len(records))
                return
            except Exception as error:  # noqa: BLE001 - whatever it was, the other kinds go on
                why_not = f"publishing raised {type(error).__name__}"
                self._drops.count(kind, Reason.UNDELIVERABLE, why_not, len(records))
                return
            if records and (time.monotonic() > deadline or self._stop.wait(PAUSE_SECONDS)):
                why_not = "Kafka's client has no room, and it came to nothing to wait for some"
                self._drops.count(kind, Reason.QUEUE_FULL, why_not, len(records))
                return

    def _on_delivery(self, kind: Kind) -> OnDelivery:
        def delivered(error: str | None) -> None:
            if error is not None:
                self._drops.count(kind, Reason.UNDELIVERABLE, error)

        return delivered
