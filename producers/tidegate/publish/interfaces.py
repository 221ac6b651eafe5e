"""What publishers, and the outlets behind them, promise to those who hand them events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from tidegate_schemas.topics import Kind

#: Told once for each record: None when it is acknowledged, else what went wrong. Called from another thread.
OnDelivery = Callable[[str | None], None]

#: Key and value of an event. Raises what `Publisher.publish` does for one that doesn't fit.
Encoder = Callable[[Kind, Mapping[str, Any]], tuple[bytes, bytes]]
KeyAndValue = tuple[bytes, bytes]

#: Takes a record that was not delivered, what went wrong, and who is to be told; it answers in the outlet's place.
GiveBack = Callable[[KeyAndValue, str, OnDelivery | None], None]


class Publisher(Protocol):
    """Where events go. Thread-safe."""

    def publish(self, kind: Kind, event: Mapping[str, Any], on_delivery: OnDelivery | None = None) -> None:
        """Queue a raw event (fields of the kind's raw schema; absent ones get their default).

        Raises EncodeError for an event that doesn't fit the schema, OversizeError (one of its kinds) for one that is
        too large, QueueFullError; never blocks.
        """

    def encoder(self, common: Mapping[str, Any]) -> Encoder:
        """What makes records for `put_many` of events; what these lack is as in `common`."""

    def put_many(
        self,
        kind: Kind,
        records: Sequence[KeyAndValue],
        on_delivery: OnDelivery | None,
        give_back: GiveBack | None = None,
    ) -> list[KeyAndValue]:
        """Queue encoded events of a kind, in order; returns those that there was no room for. Never blocks.

        `on_delivery` is told once for each, but not for which; `give_back` gets those that weren't delivered.
        """

    def publish_dead_letter(self, letter: Mapping[str, Any], on_delivery: OnDelivery | None = None) -> None:
        """Queue a dead letter."""

    def publish_outcome(self, outcome: Mapping[str, Any], on_delivery: OnDelivery | None = None) -> None:
        """Queue an outcome."""

    def poll(self) -> None:
        """Tell on this thread what is known by now, where no other thread does. Never blocks."""

    def flush(self, timeout_seconds: float) -> int:
        """Wait until everything queued is delivered or has failed; returns how much is still queued."""

    def ready(self, timeout_seconds: float) -> bool:
        """Whether it can take events: a broker answers within the time, or there is a spool."""

    def close(self, timeout_seconds: float = 10.0) -> int:
        """Flush and stop; returns how much was left undelivered."""

    def abandon(self) -> None:
        """Let go of it in a forked child, whose parent goes on using it; the child can't."""


class Outlet(Protocol):
    """Where encoded records go. Thread-safe."""

    def put(self, topic: str, key: bytes, value: bytes, on_delivery: OnDelivery | None) -> None:
        """Queue one record. Raises PublishError; never waits for a broker."""

    def put_all(
        self,
        topic: str,
        records: Sequence[KeyAndValue],
        on_delivery: OnDelivery | None,
        give_back: GiveBack | None = None,
    ) -> list[KeyAndValue]:
        """Queue records of a topic, in order; returns those that there was no room for. Never waits for a broker."""

    def poll(self) -> None:
        """See `Publisher.poll`."""

    def flush(self, timeout_seconds: float) -> int:
        """See `Publisher.flush`."""

    def close(self, timeout_seconds: float = 10.0) -> int:
        """See `Publisher.close`."""

    def abandon(self) -> None:
        """See `Publisher.abandon`."""
