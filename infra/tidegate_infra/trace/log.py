"""Records of Kafka for the tracer: one at an offset, or the one with an event's id."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaException, Message

from tidegate_infra.errors import UnavailableError
from tidegate_schemas.errors import DecodeError
from tidegate_schemas.registry import SchemaRegistry
from tidegate_schemas.rows import Decoder
from tidegate_schemas.subjects import KINDS, Kind, clean_schema, raw_schema
from tidegate_schemas.topics import generation_of, kind_of, raw_topic
from tidegate_stream.log import Log

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
    place = (topic, partition)
    with _log(brokers) as log:
        start, end = log.extents([place])[place]
        if not start <= offset < end:
            return None
        message = next(log.records({place: offset}, {place: offset + 1}), None)
        return None if message is None or message.offset() != offset else _decode(decoder, message)


def find(brokers: str, decoder: Decoder, event_id: str) -> list[Record]:
    """Look through all raw topics for the records with an event's id; more than one: it was sent more than once."""
    found = []
    with _log(brokers) as log:
        extents = log.extents(log.places(_raw_topics(log.partitions())))
        begins = {place: low for place, (low, high) in extents.items() if low < high}
        for message in log.records(begins, {place: extents[place][1] for place in begins}):
            if event_id.encode() in (message.value() or b""):  # Avro writes strings as they are: cheap to rule out
                record = _decode(decoder, message)
                if record is not None and record.event["event_id"] == event_id:
                    found.append(record)
    return found


def _raw_topics(known: Iterable[str]) -> list[str]:
    """Those of every generation."""
    return sorted(name for name in known if name in {raw_topic(kind, generation_of(name)) for kind in KINDS})


@contextmanager
def _log(brokers: str) -> Iterator[Log]:
    try:
        with Log(brokers, timeout_seconds=_READ_SECONDS) as log:
            yield log
    except KafkaException as error:
        raise UnavailableError(f"{brokers} can't be read: {error.args[0].str()}") from error


def _decode(decoder: Decoder, message: Message) -> Record | None:
    topic = message.topic() or ""
    try:
        event = decoder.decode(message.value() or b"")
    except DecodeError:
        return None
    return Record(topic, message.partition() or 0, message.offset() or 0, kind_of(topic), event)
