"""Topic, key and bytes of what producers write: the part of a publisher that knows events."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.errors import QueueFullError
from tidegate.publish.answers import or_given_back
from tidegate.publish.interfaces import Encoder, GiveBack, KeyAndValue, OnDelivery
from tidegate.publish.sealed import Seal
from tidegate_schemas.registry import SchemaRegistry
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import dead_letter_schema, outcome_schema, raw_schema, sealed_schema
from tidegate_schemas.topics import DEAD_LETTERS, KINDS, OUTCOMES, Kind, of_generation, partition_key, raw_topic

_BY_PERSON = frozenset(["track", "error", "span"])


class Encoding(ABC):
    """Topic, key and bytes of everything that producers write; where they go is `put`'s business."""

    def __init__(self, registry: SchemaRegistry | None = None, generation: int = 1, seal: Seal | None = None) -> None:
        self._registry, self._seal = registry, seal
        self._sealed = RowCodec(sealed_schema(), registry) if seal else None
        self._letters_topic, self._outcomes_topic = (
            of_generation(name, generation) for name in (DEAD_LETTERS, OUTCOMES)
        )
        self._events = {kind: (raw_topic(kind, generation), RowCodec(raw_schema(kind), registry)) for kind in KINDS}
        self._dead_letters = RowCodec(dead_letter_schema(), registry)
        self._outcomes = RowCodec(outcome_schema(), registry)

    @abstractmethod
    def put(self, topic: str, key: bytes, value: bytes, on_delivery: OnDelivery | None) -> None:
        """See `Outlet.put`."""

    def publish(self, kind: Kind, event: Mapping[str, Any], on_delivery: OnDelivery | None = None) -> None:
        """See `Publisher.publish`."""
        topic, codec = self._events[kind]
        value = codec.encode(event)
        record = partition_key(kind, event), value
        if self._seal is not None:
            record = self._sealed_record(self._seal, kind, event, record)
        self.put(topic, *record, on_delivery)

    def encoder(self, common: Mapping[str, Any]) -> Encoder:
        """See `Publisher.encoder`."""
        codecs = {kind: RowCodec(raw_schema(kind), self._registry, common) for kind in KINDS}
        seal = self._seal

        def encode(kind: Kind, event: Mapping[str, Any]) -> tuple[bytes, bytes]:
            value = codecs[kind].encode(event)
            # A person's events go by ids that are the event's own; a series is told by common fields, too.
            return partition_key(kind, event if kind in _BY_PERSON else {**common, **event}), value

        if seal is None:
            return encode

        def encode_sealed(kind: Kind, event: Mapping[str, Any]) -> tuple[bytes, bytes]:
            return self._sealed_record(seal, kind, {**common, **event}, encode(kind, event))

        return encode_sealed

    def _sealed_record(self, seal: Seal, kind: Kind, event: Mapping[str, Any], record: KeyAndValue) -> KeyAndValue:
        key, value = record
        assert self._sealed is not None  # noqa: S101 - narrows the type
        return seal.key(key), self._sealed.encode(seal.sealed(kind, event, value))

    def put_all(
        self,
        topic: str,
        records: Sequence[KeyAndValue],
        on_delivery: OnDelivery | None,
        give_back: GiveBack | None = None,
    ) -> list[KeyAndValue]:
        """See `Outlet.put_all`."""
        for number, record in enumerate(records):
            try:
                self.put(topic, *record, or_given_back(record, on_delivery, give_back))
            except QueueFullError:
                return list(records[number:])
        return []

    def put_many(
        self,
        kind: Kind,
        records: Sequence[KeyAndValue],
        on_delivery: OnDelivery | None,
        give_back: GiveBack | None = None,
    ) -> list[KeyAndValue]:
        """See `Publisher.put_many`."""
        return self.put_all(self._events[kind][0], records, on_delivery, give_back)

    def poll(self) -> None:  # noqa: B027 - most have a thread that tells, or tell at once
        """See `Publisher.poll`."""

    def publish_dead_letter(self, letter: Mapping[str, Any], on_delivery: OnDelivery | None = None) -> None:
        """See `Publisher.publish_dead_letter`."""
        key = letter["dead_letter_id"].encode()
        self.put(self._letters_topic, key, self._dead_letters.encode(letter), on_delivery)

    def publish_outcome(self, outcome: Mapping[str, Any], on_delivery: OnDelivery | None = None) -> None:
        """See `Publisher.publish_outcome`."""
        key = outcome["outcome_id"].encode()
        self.put(self._outcomes_topic, key, self._outcomes.encode(outcome), on_delivery)
