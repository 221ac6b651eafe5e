"""A process as a producer: completes events of any kind, numbers, queues and delivers them."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tidegate import consents, lifecycle
from tidegate.accounts import report_closed, report_ended
from tidegate.counter import Numbering
from tidegate.dispatch import Dispatch, reason_for, why
from tidegate.drops import Drops
from tidegate.errors import InvalidSettingError, PublishError
from tidegate.outbox import Event, Outbox, Waiting
from tidegate.publish import KafkaPublisher, Publisher, seal_of
from tidegate.sampling import Sampling
from tidegate.scope import current
from tidegate.settings import Clock, utc_now
from tidegate.spool.publisher import Mode, SpoolingPublisher
from tidegate_schemas.reasons import Reason
from tidegate_schemas.topics import Kind

KAFKA_QUEUE_EVENTS = 50_000


class Producer:
    """What clients and instrumentation build on: see `Client` for its settings. Safe across threads and forks.

    `record` never raises; every call of it takes one number.
    """

    def __init__(  # noqa: PLR0913 - an application names those that it needs
        self,
        *,
        brokers: str = "127.0.0.1:9092",
        project: str = "default",
        environment: str = "",
        release: str = "",
        service: str = "",
        consent: str = "unknown",
        device: bool = True,
        sampling: Sampling | None = None,
        generation: int = 1,
        spool: Path | None = None,
        durable: bool = False,
        edge_key: str | Path | None = None,
        queue_events: int = 50_000,
        queue_bytes: int = 128 << 20,
        flush_on_sigterm: bool = False,
        publisher: Publisher | None = None,
        clock: Clock = utc_now,
    ) -> None:
        if durable and spool is None:
            raise InvalidSettingError(
                "durable needs a spool: name a folder on a disk, such as spool=Path('/var/lib/app')"
            )
        self.dropped: Counter[Reason] = Counter()
        self._own_publisher, self._brokers, self._generation = publisher, brokers, generation
        self._spool, self._durable, self._edge_key = spool, durable, edge_key
        self._limits = {"max_events": queue_events, "max_bytes": queue_bytes}
        self._clock, self._device, self._sampling = clock, device, sampling
        self._anonymous_id = uuid.uuid4().hex
        self._consent = consents.stated(consent)
        self._common = {"project": project, "environment": environment, "release": release, "service": service}
        self._closed = False
        self._begin()
        publisher = self._dispatch.publisher  # connects, and sends what earlier processes left
        if spool is not None:
            report_ended(spool, publisher)
        lifecycle.register(self, flush_on_sigterm=flush_on_sigterm)

    def _begin(self) -> None:
        """Become a producer: at the start, and in a forked child."""
        self._numbering = Numbering("sdk", self._common["project"], self._micros, folder=self._spool)
        self.producer_id = self._numbering.producer_id
        self._drops = Drops(self.producer_id, self._common["project"], self._clock, self.dropped)
        common = {**self._common, "producer_id": self.producer_id}
        self._dispatch = Dispatch(self._publisher, common, self._drops)
        self._outbox = Outbox(self._dispatch.send, self._numbering, **self._limits)

    def _publisher(self) -> Publisher:
        if self._own_publisher is not None:
            return self._own_publisher
        seal = None if self._edge_key is None else seal_of(self._edge_key)
        kafka = KafkaPublisher(
            self._brokers,
            client_id=f"tidegate-sdk-{self.producer_id.removeprefix('sdk:')[:8]}",
            generation=self._generation,
            queue_messages=KAFKA_QUEUE_EVENTS,
            seal=seal,
        )
        if self._spool is None:
            return kafka
        mode: Mode = "durable" if self._durable else "overflow"
        return SpoolingPublisher(kafka, self._spool, mode=mode, generation=self._generation, seal=seal)

    def after_fork_in_child(self) -> None:
        """A new producer, with a queue and a publisher of its own; what was queued is the parent's to send."""
        if self._dispatch.opened is not None:
            self._dispatch.opened.abandon()
        self.dropped = Counter()
        self._numbering.abandon()
        if not self._closed:
            self._begin()

    def _micros(self) -> int:
        return int(self._clock().timestamp() * 1e6)

    @property
    def settled(self) -> Mapping[str, str]:
        """Project, environment, release and service as they were set, empty where they weren't."""
        return self._common

    @property
    def queued(self) -> int:
        """Events that wait for the sender's thread."""
        return len(self._outbox)

    def record(self, kind: Kind, fields: Event, who: Mapping[str, Any], text_bytes: int = 0) -> None:
        """Complete an event of any kind by context, consent and times, and send it. For what builds on the client.

        `fields` are the kind's own; `text_bytes` is what they take in memory, roughly.
        """
        try:
            event = self._described(kind, fields, who)
        except Exception as error:  # noqa: BLE001 - a call never raises
            self.refuse(kind, error)
        else:
            if event is not None:
                self._send(kind, event, text_bytes)

    def refuse(self, kind: Kind, error: Exception) -> None:
        """An event that couldn't be read: it has a number, too."""
        self.leave_out(kind, reason_for(error), why(error))

    def leave_out(self, kind: str, reason: Reason, what: object = "", quantity: int = 1) -> None:
        """Events that are not to be sent, for a reason: each has a number, too."""
        self._numbering.take_block(quantity)
        self._drops.count(kind, reason, what, quantity)

    def flush(self, timeout_seconds: float = 10.0) -> int:
        """Wait until everything queued is delivered; returns how much is still queued."""
        deadline = time.monotonic() + timeout_seconds
        left = self._outbox.flush(timeout_seconds)
        publisher = self._dispatch.opened
        if publisher is None:  # a forked child that has sent nothing
            return left
        left += publisher.flush(max(0.1, deadline - time.monotonic()))
        if self._drops.unreported:
            self._dispatch.report()
            left = len(self._outbox) + publisher.flush(max(0.1, deadline - time.monotonic()))
        return left

    def shutdown(self, timeout_seconds: float = 10.0) -> int:
        """Flush and stop; returns how much was left undelivered."""
        if self._closed:
            return 0
        self._closed = True
        deadline = time.monotonic() + timeout_seconds
        left = self._outbox.flush(timeout_seconds)
        self._dispatch.stop()
        self._outbox.close(max(0.1, deadline - time.monotonic()))
        publisher = self._dispatch.opened
        if publisher is None:
            self._numbering.close(remove=not self._numbering.last)
            return left
        self._dispatch.report()
        told: list[str | None] = []
        with contextlib.suppress(PublishError):
            report_closed(self._numbering, publisher, self._clock(), told.append)
        left += publisher.close(max(0.1, deadline - time.monotonic()))
        self._numbering.close(remove=told == [None])
        return left

    def _described(self, kind: Kind, fields: Event, who: Mapping[str, Any]) -> Event | None:
        """The event with all that the client knows; None for one that may not be sent, which is counted."""
        now = self._clock()
        if kind == "metric":  # about a process, not a person
            return {"occurred_at": now, "received_at": now, **fields}
        context = current()
        said = who.get("consent") or context.get("consent")
        consent = self._consent if said is None else consents.Consent(said)
        event = {
            "occurred_at": now,
            "received_at": now,
            "anonymous_id": self._anonymous_id if self._device else None,
            **context,
            **fields,
            **who,
            "consent": consent.state,
        }
        if not consents.allows(consent, kind, event):
            self.leave_out(kind, Reason.CONSENT_DENIED)
            return None
        if consent.state == "anonymous":
            event = consents.anonymised(kind, event)
        return event if self._sampling is None else self._sampled(self._sampling, kind, event)

    def _sampled(self, sampling: Sampling, kind: Kind, event: Event) -> Event | None:
        rate = sampling.rate(kind, event)
        if rate >= 1.0:
            return event
        if not sampling.keeps(kind, event, rate):
            self.leave_out(kind, Reason.SAMPLED)
            return None
        return {**event, "sample_rate": rate * event.get("sample_rate", 1.0)}

    def _send(self, kind: Kind, event: Event, text_bytes: int) -> None:
        try:
            if self._durable:
                event["sequence"] = self._numbering.take()
                self._dispatch.now(kind, event)
            else:
                self._outbox.put(kind, event, text_bytes)
        except Exception as error:  # noqa: BLE001 - a call never raises
            self._drops.count(kind, reason_for(error), why(error))

    def _put_all(self, waiting: list[Waiting], deadline: float) -> None:
        if self._durable:
            for kind, event, _ in waiting:
                self._send(kind, event, 0)
            return
        self._outbox.wait_for_room(len(waiting), deadline)
        if refused := self._outbox.put_all(waiting):
            self._drops.count("track", Reason.QUEUE_FULL, "there was no room for all of a batch", len(refused))
