"""The SDK's client: product events from an application straight to Kafka."""

from __future__ import annotations

import itertools
import logging
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from tidegate.errors import PublishError, QueueFullError
from tidegate.publish import KafkaPublisher, Publisher, new_producer_id
from tidegate_schemas.canonical import canonical_object
from tidegate_schemas.errors import TidegateError
from tidegate_schemas.identity import new_event_id
from tidegate_schemas.reasons import Reason

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time now."""
    return datetime.now(UTC)


class Client:
    """Tracks what happens in one application. Thread-safe; its methods never raise into the application.

    An event that can't be queued is dropped, counted by reason in `dropped`, and logged without its content.
    """

    def __init__(
        self,
        *,
        brokers: str = "127.0.0.1:9092",
        project: str = "default",
        environment: str = "",
        release: str = "",
        service: str = "",
        consent: str = "unknown",
        publisher: Publisher | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self.producer_id = new_producer_id()
        self.dropped: Counter[Reason] = Counter()
        self._publisher = publisher or KafkaPublisher(brokers, client_id=f"tidegate-sdk-{self.producer_id[:8]}")
        self._clock = clock
        self._lock = threading.Lock()
        self._sequence = itertools.count(1)
        self._anonymous_id = uuid.uuid4().hex
        self._common = {
            "producer_id": self.producer_id,
            "project": project,
            "environment": environment,
            "release": release,
            "service": service,
            "consent": consent,
        }

    @property
    def anonymous_id(self) -> str:
        """The device's id, until `reset`."""
        return self._anonymous_id

    def track(self, event: str, properties: Mapping[str, Any] | None = None, **who: Any) -> None:
        """Something happened. `who` may hold user_id, anonymous_id, session_id, ip, user_agent, url, occurred_at."""
        self._send("track", event, properties or {}, who)

    def page(self, name: str = "page", properties: Mapping[str, Any] | None = None, **who: Any) -> None:
        """A page was viewed."""
        self._send("page", name, properties or {}, who)

    def identify(self, user_id: str, traits: Mapping[str, Any] | None = None, **who: Any) -> None:
        """This device's user is known. Traits never leave the raw topic."""
        self._send("identify", "identify", {}, {**who, "user_id": user_id}, traits=canonical_object(traits or {}))

    def alias(self, previous_id: str, user_id: str, **who: Any) -> None:
        """What was known as `previous_id` is `user_id` from now on."""
        self._send("alias", "alias", {}, {**who, "user_id": user_id}, previous_id=previous_id)

    def reset(self) -> None:
        """The user logged out: the next events belong to a new device id, so that a second user is a second person."""
        with self._lock:
            self._anonymous_id = uuid.uuid4().hex

    def flush(self, timeout_seconds: float = 10.0) -> int:
        """Wait until everything queued is delivered; returns how much is still queued."""
        return self._publisher.flush(timeout_seconds)

    def shutdown(self, timeout_seconds: float = 10.0) -> int:
        """Flush and stop; returns how much was left undelivered."""
        return self._publisher.close(timeout_seconds)

    def _send(self, kind: str, name: str, properties: Mapping[str, Any], who: Mapping[str, Any], **own: Any) -> None:
        now = self._clock()
        failed = properties.get("failed") is True or properties.get("success") is False
        event = {
            **self._common,
            "event_id": new_event_id(),
            "sequence": next(self._sequence),
            "type": kind,
            "name": name,
            "occurred_at": now,
            "received_at": now,
            "anonymous_id": self._anonymous_id,
            "feature": str(properties.get("feature") or ""),
            "agent": str(properties.get("agent") or ""),
            "failed": failed,
            "properties": canonical_object(properties),
            **who,
            **own,
        }
        try:
            self._publisher.publish("track", event, self._delivered)
        except QueueFullError as error:
            self._drop(Reason.QUEUE_FULL, error)
        except PublishError as error:
            self._drop(Reason.UNDELIVERABLE, error)
        except TidegateError as error:
            self._drop(Reason.INVALID_FIELD, error)

    def _delivered(self, error: str | None) -> None:
        if error is not None:
            self._drop(Reason.UNDELIVERABLE, error)

    def _drop(self, reason: Reason, error: object) -> None:
        with self._lock:
            self.dropped[reason] += 1
            first = self.dropped[reason] == 1
        if first:
            log.warning("dropped an event, and will count further ones: %s: %s", reason.value, error)
