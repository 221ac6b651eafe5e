"""Publishers: Avro events to Kafka, acknowledged by all in-sync replicas, with a bounded queue."""

from __future__ import annotations

import ctypes
import logging
import threading
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException, Producer

from tidegate.errors import InvalidSettingError, PublishError, QueueFullError
from tidegate_schemas.registry import SchemaRegistry
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import (
    MAX_RECORD_BYTES,
    dead_letter_schema,
    outcome_schema,
    raw_schema,
    sealed_schema,
)
from tidegate_schemas.topics import DEAD_LETTERS, KINDS, OUTCOMES, Kind, of_generation, partition_key, raw_topic

log = logging.getLogger(__name__)

#: Told once for each record: None when it is acknowledged, else what went wrong. Called from another thread.
OnDelivery = Callable[[str | None], None]

#: Key and value of an event. Raises what `Publisher.publish` does for one that doesn't fit.
Encoder = Callable[[Kind, Mapping[str, Any]], tuple[bytes, bytes]]
KeyAndValue = tuple[bytes, bytes]

#: Takes a record that was not delivered, what went wrong, and who is to be told; it answers in the outlet's place.
GiveBack = Callable[[KeyAndValue, str, OnDelivery | None], None]

BY_PERSON = frozenset(["track", "error", "span"])
_POLL_SECONDS = 0.1
_MESSAGE_OVERHEAD_BYTES = 65_536


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


class Seal(Protocol):
    """Makes events unreadable for all but the gate, before they go anywhere. Thread-safe."""

    def sealed(self, kind: Kind, event: Mapping[str, Any], value: bytes) -> dict[str, Any]:
        """The sealed record's fields, of an event and its encoded record."""

    def key(self, key: bytes) -> bytes:
        """What stands for a record's key: always the same for the same one, and nobody can tell which that is."""


def seal_of(edge_key: str | Path) -> Seal:
    """What seals with an edge key. Raises InvalidSettingError for one that is none, or where packages are missing."""
    try:
        from tidegate.sealing import EdgeSeal  # noqa: PLC0415 - needs packages that only those who seal have
    except ImportError as error:
        raise InvalidSettingError("an edge_key needs two more packages: pip install 'tidegate[sealing]'") from error
    return EdgeSeal(edge_key)


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
            return partition_key(kind, event if kind in BY_PERSON else {**common, **event}), value

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


class KafkaPublisher(Encoding):
    """A Publisher on Kafka: idempotent, acks from all in-sync replicas, partitions as Java's clients choose them.

    A thread of its own tells what was delivered. With `polled` it is whoever calls `poll`: Kafka's client takes the
    interpreter's lock anew for each record, and a busy thread gives that away every 5 ms only.
    """

    def __init__(  # noqa: PLR0913 - each is about another thing, and has a default
        self,
        brokers: str,
        *,
        client_id: str = "tidegate",
        registry: SchemaRegistry | None = None,
        generation: int = 1,
        linger_ms: int = 20,
        queue_messages: int = 100_000,
        delivery_timeout_seconds: float = 30.0,
        polled: bool = False,
        seal: Seal | None = None,
    ) -> None:
        super().__init__(registry, generation, seal)
        self._queue_messages = queue_messages
        self._producer = Producer(
            {
                "bootstrap.servers": brokers,
                "client.id": client_id,
                "enable.idempotence": True,
                "acks": "all",
                "partitioner": "murmur2_random",
                "linger.ms": linger_ms,
                "compression.type": "lz4",
                "message.max.bytes": MAX_RECORD_BYTES + _MESSAGE_OVERHEAD_BYTES,
                "queue.buffering.max.messages": queue_messages,
                "queue.buffering.max.kbytes": 65_536,
                "delivery.timeout.ms": int(delivery_timeout_seconds * 1000),
                "reconnect.backoff.max.ms": 1000,
                "log_level": 2,
            },
            logger=logging.getLogger("tidegate.kafka"),
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve_deliveries, name="tidegate-deliveries", daemon=True)
        if not polled:
            self._thread.start()

    def _serve_deliveries(self) -> None:
        while not self._stop.is_set():
            self._producer.poll(_POLL_SECONDS)

    def poll(self) -> None:
        """See `Publisher.poll`."""
        self._producer.poll(0)

    def put(self, topic: str, key: bytes, value: bytes, on_delivery: OnDelivery | None) -> None:
        """See `Outlet.put`."""

        try:
            self._producer.produce(topic, value, key, on_delivery=_report(on_delivery))
        except BufferError:
            raise QueueFullError(
                f"the producer's queue holds {len(self._producer)} records, as much as it may; "
                "Kafka is slower than the events come, or away"
            ) from None
        except KafkaException as error:
            raise PublishError(f"Kafka's client refused a record of {len(value)} bytes for {topic}: {error}") from error

    def put_all(
        self,
        topic: str,
        records: Sequence[KeyAndValue],
        on_delivery: OnDelivery | None,
        give_back: GiveBack | None = None,
    ) -> list[KeyAndValue]:
        """See `Outlet.put_all`."""
        report = _report(on_delivery, give_back)
        # Where room comes free half-way, Kafka's client would take the last records before those in the middle.
        room = max(0, self._queue_messages - len(self._producer))
        messages: list[dict[str, Any]] = [{"key": key, "value": value} for key, value in records[:room]]
        left = list(records[room:])
        if not messages or self._producer.produce_batch(topic, messages, on_delivery=report) == len(messages):
            return left
        refused = list[KeyAndValue]()
        for message, record in zip(messages, records, strict=False):
            error = message.get("_error")
            if error is None:
                continue
            if error.code() == KafkaError._QUEUE_FULL:  # by its bytes
                refused.append(record)
            elif give_back is not None:
                give_back(record, str(error), on_delivery)
            elif on_delivery is not None:
                on_delivery(str(error))
        return refused + left

    def flush(self, timeout_seconds: float) -> int:
        """See `Publisher.flush`."""
        left: int = self._producer.flush(timeout_seconds)
        return left

    def ready(self, timeout_seconds: float) -> bool:
        """See `Publisher.ready`."""
        try:
            return bool(self._producer.list_topics(timeout=timeout_seconds).brokers)
        except KafkaException:
            return False

    def close(self, timeout_seconds: float = 10.0) -> int:
        """See `Publisher.close`."""
        left = self.flush(timeout_seconds)
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)
        return left

    def abandon(self) -> None:
        """See `Publisher.abandon`.

        Its threads are none of the child's, and to wait for them, as its destructor does, would be for ever: so the
        child keeps it till its end.
        """
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._producer))


class MemoryPublisher(Encoding):
    """A Publisher that keeps encoded records by topic, for tests of everything that publishes."""

    def __init__(self, *, capacity: int = 1_000_000, failing: str | None = None, seal: Seal | None = None) -> None:
        super().__init__(seal=seal)
        self.capacity, self._failing = capacity, failing
        self._lock = threading.Lock()
        self.records: dict[str, list[tuple[bytes, bytes]]] = {}

    def put(self, topic: str, key: bytes, value: bytes, on_delivery: OnDelivery | None) -> None:
        """See `Outlet.put`."""
        with self._lock:
            if sum(map(len, self.records.values())) >= self.capacity:
                raise QueueFullError(f"the producer's queue holds {self.capacity} records, as much as it may")
            if self._failing is None:
                self.records.setdefault(topic, []).append((key, value))
        if on_delivery:
            on_delivery(self._failing)

    def flush(self, timeout_seconds: float) -> int:
        """See `Publisher.flush`."""
        return 0

    def ready(self, timeout_seconds: float) -> bool:
        """See `Publisher.ready`."""
        return self._failing is None

    def close(self, timeout_seconds: float = 10.0) -> int:
        """See `Publisher.close`."""
        return 0

    def abandon(self) -> None:
        """See `Publisher.abandon`."""
        self._lock = threading.Lock()


def _report(on_delivery: OnDelivery | None, give_back: GiveBack | None = None) -> Callable[[Any, Any], None] | None:
    """What Kafka's client calls once for each record."""
    if give_back is not None:

        def report_or_give_back(error: Any, message: Any) -> None:
            if error is not None:
                give_back((message.key(), message.value()), str(error), on_delivery)
            elif on_delivery is not None:
                on_delivery(None)

        return report_or_give_back
    if on_delivery is None:
        return None

    def report(error: Any, _: Any) -> None:
        on_delivery(None if error is None else str(error))

    return report


def or_given_back(record: KeyAndValue, on_delivery: OnDelivery | None, give_back: GiveBack | None) -> OnDelivery | None:
    """What is to be told of one record, where a failed one is given back."""
    if give_back is None:
        return on_delivery

    def answered(error: str | None) -> None:
        if error is not None:
            give_back(record, error, on_delivery)
        elif on_delivery is not None:
            on_delivery(None)

    return answered


def new_producer_id(kind: str) -> str:
    """A name for one numbering of events, led by who numbers, such as `sdk`: random, never derived from a person."""
    return f"{kind}:{uuid.uuid4().hex}"
