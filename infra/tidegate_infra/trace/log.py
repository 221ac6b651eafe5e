"""Records of Kafka for the tracer: one at an offset, or the one with an event's id."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from tidegate_infra.errors import UnavailableError
from tidegate_schemas.errors import DecodeError
from tidegate_schemas.registry import SchemaRegistry
from tidegate_schemas.rows import Decoder
from tidegate_schemas.subjects import KINDS, Kind, clean_schema, raw_schema
from tidegate_schemas.topics import generation_of, kind_of, raw_topic

__all__ = ["Record", "event_decoder", "find", "read"]

_READ_SECONDS = 15.0


@dataclass(frozen=True)
class Record:
    """A record and where it is."""

    topic: str
    partition: int
    offset: int
    kind: Kind
    event: dict[str, Any]


def event_decoder(registry: SchemaRegistry | None) -> Decoder:
    """Decodes events of every kind, raw and clean."""
    return Decoder([schema(kind) for kind in KINDS for schema in (raw_schema, clean_schema)], registry)


def read(brokers: str, decoder: Decoder, topic: str, partition: int, offset: int) -> Record | None:
    """Read the record at an offset; None if it is no more there (its retention is over) or can't be decoded."""
    with _consumer(brokers) as consumer:
        start, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=_READ_SECONDS)
        if not start <= offset < end:
            return None
        consumer.assign([TopicPartition(topic, partition, offset)])
        message = consumer.poll(_READ_SECONDS)
        if message is None or message.error() is not None or message.offset() != offset:
            return None
        return _decode(decoder, message)


def find(brokers: str, decoder: Decoder, event_id: str) -> list[Record]:
    """Look through all raw topics for the records with an event's id; more than one: it was sent more than once."""
    found = []
    with _consumer(brokers) as consumer:
        for message in _everything(consumer):
            if event_id.encode() in (message.value() or b""):  # Avro writes strings as they are: cheap to rule out
                record = _decode(decoder, message)
                if record is not None and record.event["event_id"] == event_id:
                    found.append(record)
    return found


def _everything(consumer: Consumer) -> Iterator[Message]:
    known = consumer.list_topics(timeout=_READ_SECONDS).topics
    left: dict[tuple[str, int], int] = {}
    for topic in _raw_topics(known):
        for partition in known[topic].partitions if topic in known else ():
            start, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=_READ_SECONDS)
            if end > start:
                left[topic, partition] = end
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for topic, partition in left])
    heard = time.monotonic()
    while left:
        for message in consumer.consume(1000, timeout=1.0):
            heard = time.monotonic()
            topic, partition = message.topic() or "", message.partition() or 0
            error = message.error()
            if error is None:
                yield message
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                raise UnavailableError(f"reading {topic} failed: {error.str()}")
            if error is not None or (message.offset() or 0) + 1 >= left.get((topic, partition), 0):
                left.pop((topic, partition), None)
        if time.monotonic() - heard > _READ_SECONDS:
            raise UnavailableError(f"the broker sent nothing for {_READ_SECONDS:.0f} s while reading raw topics")


def _raw_topics(known: Iterable[str]) -> list[str]:
    """Those of every generation."""
    return sorted(name for name in known if name in {raw_topic(kind, generation_of(name)) for kind in KINDS})


@contextmanager
def _consumer(brokers: str) -> Iterator[Consumer]:
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": "tidegate-trace",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "log_level": 0,
        }
    )
    try:
        yield consumer
    finally:
        consumer.close()


def _decode(decoder: Decoder, message: Message) -> Record | None:
    topic = message.topic() or ""
    try:
        event = decoder.decode(message.value() or b"")
    except DecodeError:
        return None
    return Record(topic, message.partition() or 0, message.offset() or 0, kind_of(topic), event)
