"""The SDK's client: product events, errors, spans and metrics from an application straight to Kafka."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, Unpack

from tidegate import consents, instruments
from tidegate.instruments import Observe
from tidegate.metering import Metering
from tidegate.outbox import EVENT_BYTES, Event, Waiting
from tidegate.plan import Event as TypedEvent
from tidegate.plan import OnViolation, Plan, Violation
from tidegate.planned import Planned
from tidegate.producer import Producer
from tidegate.product import alias_fields, identify_fields, product_fields
from tidegate.settings import Context, ProducerSettings, Tracked, Who
from tidegate.spans import Operation, Span, active
from tidegate.stacks import exception_fields, message_fields
from tidegate_schemas.canonical import canonical_object
from tidegate_schemas.consent import DECISION
from tidegate_schemas.consent import STATES as DECISIONS

Level = Literal["fatal", "error", "warning", "info", "debug"]


class Client(Producer):
    """Tracks what happens in one application. Safe across threads and forks; calls never raise into the application.

    A call copies what it was given, takes the producer's next sequence number and queues; another thread encodes and
    publishes. An event that can't be queued or delivered is dropped, counted by reason in `dropped`, reported to the
    ledger, and logged without its content. The queue holds `queue_events` and `queue_bytes` at most, Kafka's client
    50,000 events and 64 MiB more.

    `device`: this process is one person's device, and its events carry its `anonymous_id`; False on servers, whose
    events carry the ids that calls and contexts name. With a `spool` (a folder on a disk, which processes may share)
    what Kafka doesn't take is kept there and sent when it does, by this process or the next. `durable` writes each
    event there before the call returns, some 20 µs, so that a kill of the process loses none. `flush_on_sigterm`
    delivers what is queued before the application's own handler runs. With an `edge_key` (its text, or its file as
    Path) only the gate can read the events that leave the process or go to its spool. A `plan` says which events there
    are: what breaks it is counted in `violations`, and sent with a mark or dropped, by `on_violation`. Metrics are
    published every `metrics_interval_seconds`.
    """

    def __init__(
        self,
        *,
        plan: Plan | None = None,
        on_violation: OnViolation = "mark",
        metrics_interval_seconds: float = 10.0,
        timer: Callable[[], float] = time.perf_counter,
        **settings: Unpack[ProducerSettings],
    ) -> None:
        self._timer = timer
        self._planned = Planned(plan, on_violation)
        super().__init__(**settings)
        self._metering = Metering(self._publish_point, self._clock, metrics_interval_seconds)

    @property
    def anonymous_id(self) -> str:
        """The device's id, until `reset`."""
        return self._anonymous_id

    @property
    def violations(self) -> Counter[Violation]:
        """How often events broke the plan, and how."""
        return self._planned.violations

    def track(self, event: str | TypedEvent, properties: Mapping[str, Any] | None = None, **who: Unpack[Who]) -> None:
        """Something happened: a name with properties, or a typed event.

        The properties are written as JSON before the call returns: what changes in them afterwards changes nothing.
        """
        try:
            fields = self._planned.fields(event, properties)
        except Exception as error:  # noqa: BLE001 - an application's own objects run code here, and may raise anything
            self.refuse("track", error)
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
                fields = self._planned.fields(who.pop("event"), who.pop("properties", None))
                event = self._described("track", fields, who)
            except Exception as error:  # noqa: BLE001 - as in `track`
                self.refuse("track", error)
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
            self.refuse("track", error)
        else:
            self.record("track", fields, who, len(fields["properties"]))

    def identify(self, user_id: str, traits: Mapping[str, Any] | None = None, **context: Unpack[Context]) -> None:
        """This device's user is known. Traits never leave the raw topic."""
        try:
            fields = identify_fields(traits)
        except Exception as error:  # noqa: BLE001 - as in `track`
            self.refuse("track", error)
        else:
            self.record("track", fields, {**context, "user_id": user_id}, len(fields["traits"]))

    def alias(self, previous_id: str, user_id: str, **context: Unpack[Context]) -> None:
        """What was known as `previous_id` is `user_id` from now on."""
        self.record("track", alias_fields(previous_id), {**context, "user_id": user_id})

    def consent(
        self,
        state: str,
        *,
        version: str = "",
        purposes: Iterable[str] | None = None,
        erase: bool = False,
        **who: Unpack[Who],
    ) -> None:
        """What this process's person decided, or the one who is named: granted, anonymous, denied or withdrawn.

        `denied` and `withdrawn` send nothing about people; `anonymous` sends events without ids of persons and devices;
        `purposes` (analytics, errors, performance) limit it to kinds of events. A decision is told with its version in
        an event `consent`; `withdrawn` stops at the gate what is still under way, and with `erase` what is stored is
        erased. `unknown` takes back what was said here. With `user_id` or `anonymous_id` it is about that person alone,
        and not this process. A call's own `consent`, or a context's, goes before it.
        """
        before, named = self._consent, bool(who.get("user_id") or who.get("anonymous_id"))
        if not named:
            self._consent = consents.stated(state, version, purposes)
        if state not in DECISIONS:
            return
        try:
            said = consents.decision(state, version, purposes, erase=erase)
            fields = product_fields("track", DECISION, said)
        except Exception as error:  # noqa: BLE001 - as in `track`
            self.refuse("track", error)
        else:
            self.record("track", fields, {**who, "consent": consents.envelope(state, before, named=named)})

    def reset(self) -> None:
        """The user logged out: the next events belong to a new device id, so that a second user is a second person."""
        self._anonymous_id = uuid.uuid4().hex

    def error(
        self,
        error: BaseException | str,
        *,
        level: Level = "error",
        handled: bool = True,
        fingerprint: str = "",
        route: str = "",
        method: str = "",
        properties: Mapping[str, Any] | None = None,
        **who: Unpack[Who],
    ) -> None:
        """An exception, with its stack, or a message about what went wrong. `fingerprint` groups it."""
        try:
            fields = exception_fields(error) if isinstance(error, BaseException) else message_fields(error)
            span = active()
            fields |= {"level": level, "handled": handled, "fingerprint": fingerprint, "route": route, "method": method}
            fields |= {"properties": canonical_object(properties or {}), "span_id": span.span_id if span else None}
        except Exception as failure:  # noqa: BLE001 - as in `track`
            self.refuse("error", failure)
        else:
            self.record("error", fields, who, len(fields.get("stack", "")) + len(fields["message"]))

    def span(
        self, name: str, operation: Operation = "internal", *, traceparent: str | None = None, **who: Unpack[Who]
    ) -> Span:
        """An operation that takes time: `with client.span("checkout") as span:`.

        `traceparent`: W3C's header of the request that it serves, whose trace it joins.
        """
        return Span(self.record_span, self._clock, self._timer, name, operation, who, traceparent=traceparent)

    def record_span(self, fields: Mapping[str, Any], who: Mapping[str, Any]) -> None:
        """A span that is over; for what times operations itself."""
        try:
            properties = fields.get("properties") or {}
            event: Event = {**fields, "properties": canonical_object(properties)}
        except Exception as error:  # noqa: BLE001 - as in `track`
            self.refuse("span", error)
        else:
            self.record("span", event, who, len(event["properties"]))

    def counter(self, name: str, unit: str = "1") -> instruments.Counter:
        """A counter, the same for the same name; its amounts are added up and published as increases."""
        return self._metering.instruments().counter(name, unit)

    def gauge(self, name: str, unit: str = "1", observe: Observe | None = None) -> instruments.Gauge:
        """A gauge; the last value of each interval is published, or what `observe` says at its end."""
        return self._metering.instruments().gauge(name, unit, observe)

    def histogram(self, name: str, unit: str = "1") -> instruments.Histogram:
        """A histogram, whose buckets keep 1 % of accuracy."""
        return self._metering.instruments().histogram(name, unit)

    def flush(self, timeout_seconds: float = 10.0) -> int:
        """Wait until everything queued is delivered, metrics included; returns how much is still queued."""
        self._metering.collect()
        return super().flush(timeout_seconds)

    def shutdown(self, timeout_seconds: float = 10.0) -> int:
        """Flush and stop; returns how much was left undelivered."""
        self._metering.stop()
        if not self._closed:
            self._metering.collect()
        return super().shutdown(timeout_seconds)

    def after_fork_in_child(self) -> None:
        """See `Producer.after_fork_in_child`."""
        super().after_fork_in_child()
        self._metering.after_fork_in_child()

    def _publish_point(self, point: Mapping[str, Any]) -> None:
        """The process is the instance: a child that was forked is another one."""
        self.record("metric", {**point, "instance_id": self.producer_id}, {}, len(point["attributes"]))
