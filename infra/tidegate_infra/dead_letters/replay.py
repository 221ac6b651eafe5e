"""Sending a dead letter again, once what was wrong is mended.

The event keeps its id and its number, or gets an id derived from the letter's: replayed twice, it counts once. First
the event is acknowledged, then the letter is marked, so that a kill in between leaves a letter to be replayed again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from confluent_kafka import KafkaException, Producer

from tidegate.errors import PublishError
from tidegate.publish import Publisher
from tidegate_infra.dead_letters.letters import Letter
from tidegate_infra.dead_letters.opening import Opener
from tidegate_infra.errors import DeadLetterError
from tidegate_schemas.errors import TidegateError
from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.registry import SchemaRegistry
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import dead_letter_schema, raw_schema
from tidegate_schemas.topics import DEAD_LETTERS, Kind, of_generation
from tidegate_stream.gate.validity import UUID, rules

__all__ = ["Post", "Replayed", "Replayer"]

REPLAYED, DISCARDED = "replayed", "discarded"
UNNUMBERED = "replay"
"""Producer of an event whose own can't be told any more."""
DELIVERY_SECONDS = 30.0

Post = Callable[[str, str, Mapping[str, Any]], str]
"""Sends an item to the gateway by a protocol's own endpoint, for a project; returns why it was refused, or nothing."""


@dataclass(frozen=True)
class Replayed:
    """What came of one letter: `problem` is empty if all is well."""

    letter: Letter
    problem: str = ""


class Replayer:
    """Sends events to the raw topics or the gateway, and marks their letters."""

    def __init__(
        self,
        opener: Opener,
        publisher: Publisher,
        brokers: str,
        post: Post,
        registry: SchemaRegistry | None = None,
    ) -> None:
        self._opener, self._publisher, self._post = opener, publisher, post
        self._letters = RowCodec(dead_letter_schema(), registry)
        self._producer = Producer({"bootstrap.servers": brokers, "acks": "all", "enable.idempotence": True})

    def replay(self, letter: Letter, edited: Mapping[str, Any] | None = None) -> Replayed:
        """Send a letter again, as it is or as it was edited."""
        if letter.resolution:
            return Replayed(letter, f"was {letter.resolution} before")
        try:
            payload = self._opener.payload(letter)
            if letter.kind is not None:
                self._to_topic(letter, letter.kind, payload, edited)
            else:
                self._to_gateway(letter, payload, edited)
            self._mark(letter, REPLAYED)
        except TidegateError as error:
            return Replayed(letter, str(error))
        return Replayed(letter)

    def discard(self, letter: Letter) -> Replayed:
        """Let a letter go: its payload is removed, and the ledger counts it as dropped."""
        if letter.resolution:
            return Replayed(letter, f"was {letter.resolution} before")
        try:
            self._mark(letter, DISCARDED)
        except TidegateError as error:
            return Replayed(letter, str(error))
        return Replayed(letter)

    def _to_topic(self, letter: Letter, kind: Kind, payload: bytes, edited: Mapping[str, Any] | None) -> None:
        original = self._opener.record(letter, payload)
        if original is None and edited is None:
            raise DeadLetterError("can't be read by any schema that is known here: fix it, or wait for a newer schema")
        record = _record(letter, kind, original, edited)
        for rule in rules(kind):
            if rule.field in record and not rule.holds(record[rule.field]):
                raise DeadLetterError(f"still wrong: {rule.field} must be {rule.constraint}")
        told: list[str | None] = []
        self._publisher.publish(kind, record, told.append)
        self._publisher.flush(DELIVERY_SECONDS)
        if told != [None]:
            raise PublishError(f"Kafka did not take the event: {told[0] if told else 'no answer in time'}")

    def _to_gateway(self, letter: Letter, payload: bytes, edited: Mapping[str, Any] | None) -> None:
        item = dict(edited) if edited is not None else self._opener.item(payload)
        if item is None:
            raise DeadLetterError("is no JSON object: fix it")
        if letter.protocol == "segment" and edited is not None:  # unchanged, it would be the same letter if refused
            item.setdefault("messageId", letter.dead_letter_id)
        if problem := self._post(letter.protocol, letter.project, item):
            raise DeadLetterError(problem)

    def _mark(self, letter: Letter, resolution: str) -> None:
        """The letter again, without its payload: in its own partition, so that it is the later one of the two."""
        told: list[object] = []
        topic = of_generation(DEAD_LETTERS, letter.generation)
        try:
            self._producer.produce(
                topic,
                self._letters.encode(_marked(letter, resolution)),
                letter.dead_letter_id,
                partition=letter.source_partition,
                on_delivery=lambda error, _: told.append(error),
            )
            self._producer.flush(DELIVERY_SECONDS)
        except (KafkaException, BufferError) as error:
            raise PublishError(f"the letter could not be marked: {error}") from error
        if told != [None]:
            raise PublishError(f"the letter could not be marked: {told[0] if told else 'no answer in time'}")


def _marked(letter: Letter, resolution: str) -> dict[str, Any]:
    return {
        "dead_letter_id": letter.dead_letter_id,
        "project": letter.project,
        "producer_id": letter.producer_id,
        "source": letter.source,
        "source_partition": letter.raw_partition,
        "source_offset": letter.raw_offset,
        "reason": letter.reason,
        "detail": letter.detail,
        "fingerprint": letter.fingerprint,
        "size_bytes": letter.size_bytes,
        "occurred_at": letter.occurred_at,
        "payload": b"",
        "sequence": letter.sequence,
        "excerpt": letter.excerpt,
        "resolution": resolution,
    }


def _record(
    letter: Letter, kind: Kind, original: Mapping[str, Any] | None, edited: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The event to send, under the id and the number that it had, if these can be told."""
    record = dict(original or {}) if edited is None else {name: _value(kind, name, edited[name]) for name in edited}
    known = original or {}
    event_id = str(known.get("event_id", ""))
    return record | {
        "event_id": event_id if re.match(UUID, event_id) else derived_event_id("replay", letter.dead_letter_id),
        "producer_id": letter.producer_id or UNNUMBERED,
        "sequence": letter.sequence,
    }


def _value(kind: Kind, name: str, value: Any) -> Any:
    """JSON has no times."""
    item = next((item for item in raw_schema(kind).fields if item.name == name), None)
    timed = item is not None and isinstance(item.value_type, dict) and "logicalType" in item.value_type
    if not timed or not isinstance(value, str):
        return value
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise DeadLetterError(f"{name} must be a time such as 2026-11-27T10:00:00+00:00") from None
