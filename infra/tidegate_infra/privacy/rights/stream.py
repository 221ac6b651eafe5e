"""What an erasure tells the log: that it is, where it stands, and what the ledger is to count."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace

from confluent_kafka import KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from tidegate_infra.errors import UnavailableError
from tidegate_infra.privacy.rights.store import Counted
from tidegate_schemas.errors import DecodeError
from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.reasons import Reason
from tidegate_schemas.registry import SchemaRegistry
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import outcome_schema
from tidegate_schemas.topics import (
    ERASURES,
    KINDS,
    OUTCOMES,
    Kind,
    clean_topic,
    generation_of,
    of_generation,
    raw_topic,
)
from tidegate_stream.erasure import Erasure, erasure_of, text_of
from tidegate_stream.erasure.erasure import codec
from tidegate_stream.flight import GROUP
from tidegate_stream.log import Log, Marks, Place

__all__ = ["Stream"]

DELIVERY_SECONDS = 30.0
_PAUSE_SECONDS = 0.2


class Stream:
    """A broker with the topics of all generations. Raises UnavailableError where it doesn't answer in time."""

    def __init__(self, brokers: str, generation: int, registry: SchemaRegistry | None = None) -> None:
        self._brokers, self._generation = brokers, generation
        self._codec, self._outcomes = codec(registry), RowCodec(outcome_schema(), registry)
        self._producer = Producer({"bootstrap.servers": brokers, "acks": "all", "enable.idempotence": True})

    def announce(self, erasure: Erasure) -> Marks:
        """Make an erasure known, first to whoever reads later, then in all raw partitions.

        Returns where the clean topics ended before that.
        """
        with Log(self._brokers) as log:
            topics = log.partitions()
            kinds = [(kind, generation) for kind in KINDS for generation in _generations(topics)]
            clean = log.places(clean_topic(kind, generation) for kind, generation in kinds)
            raw = log.places(raw_topic(kind, generation) for kind, generation in kinds)
            ends = {place: high for place, (_, high) in log.extents(clean).items()}
        value = text_of(erasure, self._codec)
        self._send([(ERASURES, 0, erasure.receipt_id.encode(), value)])
        self._send((topic, partition, erasure.receipt_id.encode(), value) for topic, partition in raw)
        return ends

    def keep(self, erasure: Erasure) -> None:
        """Tell those who read later where the erasure stands."""
        self._send([(ERASURES, 0, erasure.receipt_id.encode(), text_of(erasure, self._codec))])

    def passed(self, erasure: Erasure, begins: Marks, seconds: float) -> Erasure | None:
        """The erasure with its positions, once all agents have gone past it everywhere; None if they didn't in time."""
        deadline, left, found = time.monotonic() + seconds, dict(begins), dict[Place, int]()
        with Log(self._brokers, GROUP) as log:
            while len(found) < len(begins) or not _reached(log, found):
                if time.monotonic() > deadline:
                    return None
                for place, at in _standing(log, left, erasure, self._codec):
                    found[place] = max(at, found.get(place, 0))
                    left.pop(place, None)
                time.sleep(_PAUSE_SECONDS)
        return replace(erasure, positions=found)

    def count(self, erasure: Erasure, counted: Iterable[Counted]) -> int:
        """Tell the ledger what goes, each group under an id of its own; how many events those are."""
        rows = list(counted)
        topic = of_generation(OUTCOMES, self._generation)
        self._send((topic, 0, b"", self._outcomes.encode(_outcome(erasure, each))) for each in rows)
        return sum(each.quantity for each in rows)

    def still_holds(self, positions: Mapping[str, int]) -> bool:
        """Whether the log still gives what was before these offsets, by topic/partition."""
        with Log(self._brokers) as log:
            extents = log.extents((topic, int(partition)) for topic, partition in _split(positions))
        return any(low < positions[f"{topic}/{partition}"] for (topic, partition), (low, _) in extents.items())

    def cut(self, positions: Mapping[str, int]) -> None:
        """Let the log forget, of everybody, clean records before these offsets and raw ones that were taken."""
        with Log(self._brokers, GROUP) as log:
            topics = log.partitions()
            raw = log.committed(log.places(raw_topic(kind, each) for kind in KINDS for each in _generations(topics)))
        clean = {(topic, int(partition)): positions[f"{topic}/{partition}"] for topic, partition in _split(positions)}
        admin = AdminClient({"bootstrap.servers": self._brokers})
        wanted = [TopicPartition(topic, partition, at) for (topic, partition), at in {**raw, **clean}.items()]
        try:
            for future in admin.delete_records(wanted).values():
                future.result(DELIVERY_SECONDS)
        except KafkaException as error:
            raise UnavailableError(f"Kafka did not cut its topics: {error.args[0].str()}") from error

    def _send(self, records: Iterable[tuple[str, int, bytes, bytes]]) -> None:
        told: list[object] = []
        try:
            for topic, partition, key, value in records:
                self._producer.produce(
                    topic, value, key or None, partition, on_delivery=lambda error, _: told.append(error)
                )
                self._producer.poll(0)
            waiting = self._producer.flush(DELIVERY_SECONDS)
        except (KafkaException, BufferError) as error:
            raise UnavailableError(f"Kafka did not take the erasure: {error}") from error
        if waiting or any(error is not None for error in told):
            why = next((error for error in told if error is not None), "no answer in time")
            raise UnavailableError(f"Kafka did not take the erasure: {why}")


def _split(places: Iterable[str]) -> list[list[str]]:
    return [place.rsplit("/", 1) for place in places]


def _generations(topics: Mapping[str, int]) -> list[int]:
    return sorted({generation_of(topic) for topic in topics})


def _standing(log: Log, begins: dict[Place, int], erasure: Erasure, codec: RowCodec) -> list[tuple[Place, int]]:
    """Where the erasure's notices are, from the given offsets on, which move along."""
    found = []
    for message in log.records(dict(begins)):
        place, offset = (message.topic() or "", message.partition() or 0), message.offset() or 0
        begins[place] = offset + 1
        if message.key() == erasure.receipt_id.encode() and _same(message.value() or b"", erasure, codec):
            found.append((place, offset))
    return found


def _same(value: bytes, erasure: Erasure, codec: RowCodec) -> bool:
    try:
        return erasure_of(value, codec).marks >= erasure.marks
    except (DecodeError, ValueError):
        return False


def _reached(log: Log, positions: Mapping[Place, int]) -> bool:
    committed = log.committed(positions)
    return all(committed.get(place, 0) > offset for place, offset in positions.items())


def _outcome(erasure: Erasure, counted: Counted) -> dict[str, object]:
    kind: Kind = counted.kind
    group = (kind, counted.producer_id, str(counted.minute), str(counted.first))
    return {
        "outcome_id": derived_event_id("erasure", erasure.receipt_id, *group),
        "project": erasure.project,
        "kind": kind,
        "producer_id": counted.producer_id,
        "minute": counted.minute,
        "outcome": "erased",
        "reason": Reason.ERASED.value,
        "quantity": counted.quantity,
        "reporter": "erasure",
    }
