"""The SDK's client: product events from an application straight to Kafka."""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypedDict, Unpack

from tidegate.accounts import report_closed, report_ended
from tidegate.counter import Numbering
from tidegate.errors import InvalidSettingError, PublishError, QueueFullError
from tidegate.publish import KafkaPublisher, Publisher
from tidegate.spool.publisher import SpoolingPublisher
from tidegate_schemas.canonical import canonical_object
from tidegate_schemas.errors import EncodeError, OversizeError, TidegateError
from tidegate_schemas.identity import derived_event_id, new_event_id
from tidegate_schemas.reasons import Reason

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]


class Context(TypedDict, total=False):
    """Where an event comes from; what is left out is taken from the client or stays empty."""

    anonymous_id: str | None
    session_id: str | None
    ip: str | None
    user_agent: str | None
    url: str | None
    referrer: str | None
    trace_id: str | None
    occurred_at: datetime
    sample_rate: float
    consent: str


class Who(Context, total=False):
    """A context, and whose event it is."""

    user_id: str | None


class Settings(TypedDict, total=False):
    """What a client is started with: see `Client`."""

    brokers: str
    project: str
    environment: str
    release: str
    service: str
    consent: str
    generation: int
    spool: Path | None
    durable: bool
    publisher: Publisher | None
    clock: Clock


def utc_now() -> datetime:
    """The time now."""
    return datetime.now(UTC)


class Client:
    """Tracks what happens in one application. Thread-safe; `track` and its like never raise into the application.

    Each call gets the producer's next sequence number; with a `spool` a file there tells the last one to the ledger
    even after a kill of the process. An event that can't be queued or delivered is dropped, counted by reason in
    `dropped`, reported to the ledger with one of the next events, and logged without its content.

    With a `spool` (a folder on a disk, which processes may share) what Kafka doesn't take is kept there and sent when
    it does, by this process or the next. `durable` writes each event there before the call returns, some 20 µs, so that
    a kill of the process loses none; without it a kill loses what waits in the queue, 100,000 events at most.
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
        generation: int = 1,
        spool: Path | None = None,
        durable: bool = False,
        publisher: Publisher | None = None,
        clock: Clock = utc_now,
    ) -> None:
        if durable and spool is None:
            raise InvalidSettingError(
                "durable needs a spool: name a folder on a disk, such as spool=Path('/var/lib/app')"
            )
        self._numbering = Numbering("sdk", project, lambda: int(clock().timestamp() * 1e6), folder=spool)
        self.producer_id = self._numbering.producer_id
        self.dropped: Counter[Reason] = Counter()
        client_id = f"tidegate-sdk-{self.producer_id.removeprefix('sdk:')[:8]}"
        self._publisher = publisher or _publisher(brokers, client_id, generation, spool, durable=durable)
        self._clock = clock
        self._lock = threading.Lock()
        self._reports = itertools.count(1)
        self._unreported: Counter[Reason] = Counter()
        self._anonymous_id = uuid.uuid4().hex
        self._common = {
            "producer_id": self.producer_id,
            "project": project,
            "environment": environment,
            "release": release,
            "service": service,
            "consent": consent,
        }
        if spool is not None:
            report_ended(spool, self._publisher)

    @property
    def anonymous_id(self) -> str:
        """The device's id, until `reset`."""
        return self._anonymous_id

    def track(self, event: str, properties: Mapping[str, Any] | None = None, **who: Unpack[Who]) -> None:
        """Something happened."""
        self._send("track", event, properties, who)

    def page(self, name: str = "page", properties: Mapping[str, Any] | None = None, **who: Unpack[Who]) -> None:
        """A page was viewed."""
        self._send("page", name, properties, who)

    def identify(self, user_id: str, traits: Mapping[str, Any] | None = None, **context: Unpack[Context]) -> None:
        """This device's user is known. Traits never leave the raw topic."""
        self._send("identify", "identify", None, {**context, "user_id": user_id}, traits=traits)

    def alias(self, previous_id: str, user_id: str, **context: Unpack[Context]) -> None:
        """What was known as `previous_id` is `user_id` from now on."""
        self._send("alias", "alias", None, {**context, "user_id": user_id}, previous_id=previous_id)

    def reset(self) -> None:
        """The user logged out: the next events belong to a new device id, so that a second user is a second person."""
        with self._lock:
            self._anonymous_id = uuid.uuid4().hex

    def flush(self, timeout_seconds: float = 10.0) -> int:
        """Wait until everything queued is delivered; returns how much is still queued."""
        left = self._publisher.flush(timeout_seconds)
        if self._unreported:
            self._report()
            left = self._publisher.flush(timeout_seconds)
        return left

    def shutdown(self, timeout_seconds: float = 10.0) -> int:
        """Flush and stop; returns how much was left undelivered."""
        self._report()
        told: list[str | None] = []
        with contextlib.suppress(PublishError):
            report_closed(self._numbering, self._publisher, self._clock(), told.append)
        left = self._publisher.close(timeout_seconds)
        self._numbering.close(remove=told == [None])
        return left

    def _send(
        self,
        kind: str,
        name: str,
        properties: Mapping[str, Any] | None,
        who: Who,
        *,
        traits: Mapping[str, Any] | None = None,
        previous_id: str | None = None,
    ) -> None:
        sequence = self._numbering.take()
        try:
            said = _mapping("properties", properties)
            event = {
                **self._envelope(kind, name, sequence),
                "feature": str(said.get("feature") or ""),
                "agent": str(said.get("agent") or ""),
                "failed": said.get("failed") is True or said.get("success") is False,
                "properties": canonical_object(said),
                "traits": canonical_object(_mapping("traits", traits)),
                "previous_id": previous_id,
                **who,
            }
            self._publisher.publish("track", event, self._delivered)
        except QueueFullError as error:
            self._drop(Reason.QUEUE_FULL, error)
        except PublishError as error:
            self._drop(Reason.UNDELIVERABLE, error)
        except OversizeError as error:
            self._drop(Reason.OVERSIZE, error)
        except TidegateError as error:
            self._drop(Reason.INVALID_FIELD, error)
        except Exception as error:  # noqa: BLE001 - an application's own objects run code here, and may raise anything
            self._drop(Reason.INVALID_FIELD, f"reading the event raised {type(error).__name__}")

    def _envelope(self, kind: str, name: str, sequence: int) -> dict[str, Any]:
        now = self._clock()
        return {
            **self._common,
            "event_id": new_event_id(),
            "sequence": sequence,
            "type": kind,
            "name": name,
            "occurred_at": now,
            "received_at": now,
            "anonymous_id": self._anonymous_id,
        }

    def _delivered(self, error: str | None) -> None:
        if error is None:
            self._report()  # now that there is somebody to hear it
        else:
            self._drop(Reason.UNDELIVERABLE, error)

    def _drop(self, reason: Reason, error: object) -> None:
        with self._lock:
            self.dropped[reason] += 1
            self._unreported[reason] += 1
            first = self.dropped[reason] == 1
        if first:
            log.warning("dropped an event, and will count further ones: %s: %s", reason.value, error)

    def _report(self) -> None:
        """Tell the ledger what was dropped since the last report."""
        if not self._unreported:
            return
        with self._lock:
            dropped, self._unreported = self._unreported, Counter()
        for reason, quantity in dropped.items():
            try:
                self._publisher.publish_outcome(self._outcome(reason, quantity), self._reported(reason, quantity))
            except PublishError as error:
                self._reported(reason, quantity)(str(error))

    def _outcome(self, reason: Reason, quantity: int) -> Mapping[str, Any]:
        return {
            "outcome_id": derived_event_id("outcome", self.producer_id, str(next(self._reports))),
            "project": self._common["project"],
            "kind": "track",
            "producer_id": self.producer_id,
            "minute": self._clock().replace(second=0, microsecond=0),
            "outcome": "dropped",
            "reason": reason.value,
            "quantity": quantity,
            "reporter": "sdk",
        }

    def _reported(self, reason: Reason, quantity: int) -> Callable[[str | None], None]:
        """What puts a count back that didn't arrive."""

        def settle(error: str | None) -> None:
            if error is not None:
                with self._lock:
                    self._unreported[reason] += quantity

        return settle


def _publisher(brokers: str, client_id: str, generation: int, spool: Path | None, *, durable: bool) -> Publisher:
    kafka = KafkaPublisher(brokers, client_id=client_id, generation=generation)
    if spool is None:
        return kafka
    return SpoolingPublisher(kafka, spool, mode="durable" if durable else "overflow", generation=generation)


def _mapping(field: str, value: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise EncodeError(f"{field} are a {type(value).__name__}; a mapping of names to values is allowed")
    return value
