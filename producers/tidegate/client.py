"""The SDK's client: product events, errors, spans and metrics from an application straight to Kafka."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Unpack

from tidegate import consent as consents
from tidegate import lifecycle
from tidegate.context import current
from tidegate.dispatch import Dispatch, reason_for, why
from tidegate.drops import Drops
from tidegate.errors import InvalidSettingError
from tidegate.numbering import Numbering
from tidegate.outbox import EVENT_BYTES, Event, Outbox, Waiting
from tidegate.product import alias_fields, identify_fields, product_fields
from tidegate.publish import KafkaPublisher, Publisher
from tidegate.settings import Clock, Context, Tracked, Who, utc_now
from tidegate.spool.publisher import Mode, SpoolingPublisher
from tidegate_schemas.reasons import Reason
from tidegate_schemas.topics import Kind

KAFKA_QUEUE_EVENTS = 50_000


class Client:
    """Tracks what happens in one application. Safe across threads and forks; calls never raise into the application.

    A call copies what it was given, takes the producer's next sequence number and queues; another thread encodes and
    publishes. An event that can't be queued or delivered is dropped, counted by reason in `dropped`, reported to the
    ledger, and logged without its content. The queue holds `queue_events` and `queue_bytes` at most, Kafka's client
    50,000 events and 64 MiB more.

    `device`: this process is one person's device, and its events carry its `anonymous_id`; False on servers, whose
    events carry the ids that calls and contexts name. With a `spool` (a folder on a disk, which processes may share)
    what Kafka doesn't take is kept there and sent when it does, by this process or the next. `durable` writes each
    event there before the call returns, some 20 µs, so that a kill of the process loses none. `flush_on_sigterm`
    delivers what is queued before the application's own handler runs.
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
        generation: int = 1,
        spool: Path | None = None,
        durable: bool = False,
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
        self._spool, self._durable = spool, durable
        self._limits = {"max_events": queue_events, "max_bytes": queue_bytes}
        self._clock, self._device = clock, device
        self._anonymous_id = uuid.uuid4().hex
        self._consent = consents.stated(consent)
        self._common = {"project": project, "environment": environment, "release": release, "service": service}
        self._closed = False
        self._begin()
        _ = self._dispatch.publisher  # connects, and sends what earlier processes left
        lifecycle.register(self, flush_on_sigterm=flush_on_sigterm)

    def _begin(self) -> None:
        """Become a producer: at the start, and in a forked child."""
        self._numbering = Numbering()
        self.producer_id = self._numbering.producer_id
        self._drops = Drops(self.producer_id, self._common["project"], self._clock, self.dropped)
        common = {**self._common, "producer_id": self.producer_id}
        self._dispatch = Dispatch(self._publisher, common, self._drops)
        self._outbox = Outbox(self._dispatch.send, self._numbering, **self._limits)

    def _publisher(self) -> Publisher:
        if self._own_publisher is not None:
            return self._own_publisher
        kafka = KafkaPublisher(
            self._brokers,
            client_id=f"tidegate-sdk-{self.producer_id[:8]}",
            generation=self._generation,
            queue_messages=KAFKA_QUEUE_EVENTS,
        )
        if self._spool is None:
            return kafka
        mode: Mode = "durable" if self._durable else "overflow"
        return SpoolingPublisher(kafka, self._spool, mode=mode, generation=self._generation)

    def after_fork_in_child(self) -> None:
        """A new producer, with a queue and a publisher of its own; what was queued is the parent's to send."""
        if self._dispatch.opened is not None:
            self._dispatch.opened.abandon()
        self.dropped = Counter()
        if not self._closed:
            self._begin()

    @property
    def anonymous_id(self) -> str:
        """The device's id, until `reset`."""
        return self._anonymous_id

    @property
    def queued(self) -> int:
        """Events that wait for the sender's thread."""
        return len(self._outbox)

    def track(self, event: str, properties: Mapping[str, Any] | None = None, **who: Unpack[Who]) -> None:
        """Something happened.

        The properties are written as JSON before the call returns: what changes in them afterwards changes nothing.
        """
        try:
            fields = product_fields("track", event, properties)
        except Exception as error:  # noqa: BLE001 - an application's own objects run code here, and may raise anything
            self._refuse("track", error)
        else:
            self.record("track", fields, who, len(fields["properties"]))

    def track_many(self, events: Iterable[Tracked], *, wait_seconds: float = 0.0) -> None:
        """Many things happened: as `track` for each, for less.

        Where the queue has no room, it waits so long for some; what finds none is dropped and counted.
        """
        waiting, deadline = list[Waiting](), time.monotonic() + wait_seconds
        for one in events:
            try:
                who: dict[str, Any] = {**one}
                fields = product_fields("track", who.pop("event"), who.pop("properties", None))
                event = self._described("track", fields, who)
            except Exception as error:  # noqa: BLE001 - as in `track`
                self._refuse("track", error)
                continue
            if event is not None:
                waiting.append(Waiting("track", event, EVENT_BYTES + len(fields["properties"])))
            if len(waiting) >= 1_000:
                self._put_all(waiting, deadline)
                waiting = []
        self._put_all(waiting, deadline)

    def page(self, name: str = "page", properties: Mapping[str, Any] | None = None, **who: Unpack[Who]) -> None:
        """A page was viewed."""
        try:
            fields = product_fields("page", name, properties)
        except Exception as error:  # noqa: BLE001 - as in `track`
            self._refuse("track", error)
        else:
            self.record("track", fields, who, len(fields["properties"]))

    def identify(self, user_id: str, traits: Mapping[str, Any] | None = None, **context: Unpack[Context]) -> None:
        """This device's user is known. Traits never leave the raw topic."""
        try:
            fields = identify_fields(traits)
        except Exception as error:  # noqa: BLE001 - as in `track`
            self._refuse("track", error)
        else:
            self.record("track", fields, {**context, "user_id": user_id}, len(fields["traits"]))

    def alias(self, previous_id: str, user_id: str, **context: Unpack[Context]) -> None:
        """What was known as `previous_id` is `user_id` from now on."""
        self.record("track", alias_fields(previous_id), {**context, "user_id": user_id})

    def consent(self, state: str, *, version: str = "", purposes: Iterable[str] | None = None) -> None:
        """What this process's person agreed to: granted, anonymous, denied or unknown.

        `denied` sends nothing about people; `anonymous` sends events without ids of persons and devices; `purposes`
        (analytics, errors, performance) limit it to kinds of events. A yes is told with its version in an event
        `consent`. A call's own `consent`, or a context's, goes before it.
        """
        self._consent = consents.stated(state, version, purposes)
        if self._consent.state in {"granted", "anonymous"}:
            self.track("consent", self._consent.record())

    def reset(self) -> None:
        """The user logged out: the next events belong to a new device id, so that a second user is a second person."""
        self._anonymous_id = uuid.uuid4().hex

    def record(self, kind: Kind, fields: Event, who: Mapping[str, Any], text_bytes: int = 0) -> None:
        """Complete an event of any kind by context, consent and times, and send it. For what builds on the client.

        `fields` are the kind's own; `text_bytes` is what they take in memory, roughly.
        """
        try:
            event = self._described(kind, fields, who)
            if event is None:
                return
            if self._durable:
                event["sequence"] = self._numbering.take()
                self._dispatch.now(kind, event)
            else:
                self._outbox.put(kind, event, text_bytes)
        except Exception as error:  # noqa: BLE001 - as in `track`
            self._drops.count(kind, reason_for(error), why(error))

    def flush(self, timeout_seconds: float = 10.0) -> int:
        """Wait until everything queued is delivered; returns how much is still queued."""
        deadline = time.monotonic() + timeout_seconds
        left = self._outbox.flush(timeout_seconds)
        publisher = self._dispatch.publisher
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
        self._dispatch.report()
        return left + self._dispatch.publisher.close(max(0.1, deadline - time.monotonic()))

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
            self._numbering.take()
            self._drops.count(kind, Reason.CONSENT_DENIED)
            return None
        return consents.anonymised(event) if consent.state == "anonymous" else event

    def _put_all(self, waiting: list[Waiting], deadline: float) -> None:
        if self._durable:
            for kind, event, _ in waiting:
                event["sequence"] = self._numbering.take()
                try:
                    self._dispatch.now(kind, event)
                except Exception as error:  # noqa: BLE001 - as in `track`
                    self._drops.count(kind, reason_for(error), why(error))
            return
        self._outbox.wait_for_room(len(waiting), deadline)
        if refused := self._outbox.put_all(waiting):
            self._drops.count("track", Reason.QUEUE_FULL, "there was no room for all of a batch", len(refused))

    def _refuse(self, kind: Kind, error: Exception) -> None:
        """An event that couldn't be read: it has a number, too."""
        self._numbering.take()
        self._drops.count(kind, reason_for(error), why(error))
