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
from tidegate_schemas.subjects import KINDS, Kind, clean_schema, raw_schema, sealed_schema
from tidegate_schemas.topics import generation_of, kind_of, raw_topic
from tidegate_stream.gate.sealing_keys import SealingKeys
from tidegate_stream.gate.unsealing import Opener
from tidegate_stream.log import Log

__all__ = ["EventDecoder", "Record", "find", "read"]

_READ_SECONDS = 15.0


@dataclass(frozen=True)
class Record:
    """A record and where it is."""

    topic: str
    partition: int
    offset: int
    kind: Kind
    event: dict[str, Any]
    stays_sealed: bool = False
    """Whether no key that is here opens it: `event` is its account then."""


class EventDecoder:
    """Decodes events of every kind, raw, sealed (with the sealing keys) and clean. Raises KeyFileError."""

    def __init__(self, registry: SchemaRegistry | None, sealing_keys: SealingKeys) -> None:
        schemas = [schema(kind) for kind in KINDS for schema in (raw_schema, clean_schema)]
        self._decoder = Decoder([*schemas, sealed_schema()], registry)
        self._openers = {kind: Opener(kind, sealing_keys, registry) for kind in KINDS}

    def decode(self, message: Message) -> Record | None:
        """The event in a message; None if there is none."""
        topic, value = message.topic() or "", message.value() or b""
        kind, sealed = kind_of(topic), False
        opener = self._openers[kind]
        if opener.is_sealed(value):
            content = opener.open_one(value)
            sealed = isinstance(content, str)
            value = content if isinstance(content, bytes) else value
        try:
            event = self._decoder.decode(value)
        except DecodeError:
            return None
        return Record(topic, message.partition() or 0, message.offset() or 0, kind, event, sealed)


def read(brokers: str, decoder: EventDecoder, topic: str, partition: int, offset: int) -> Record | None:
    """Read the record at an offset; None if it is no more there (its retention is over) or can't be decoded."""
    place = (topic, partition)
    with _log(brokers) as log:
        start, end = log.extents([place])[place]
        if not start <= offset < end:
            return None
        message = next(log.records({place: offset}, {place: offset + 1}), None)
        return None if message is None or message.offset() != offset else decoder.decode(message)


def find(brokers: str, decoder: EventDecoder, event_id: str) -> list[Record]:
    """Look through all raw topics for the records with an event's id; more than one: it was sent more than once."""
    found = []
    with _log(brokers) as log:
        extents = log.extents(log.places(_raw_topics(log.partitions())))
        begins = {place: low for place, (low, high) in extents.items() if low < high}
        for message in log.records(begins, {place: extents[place][1] for place in begins}):
            if event_id.encode() in (message.value() or b""):  # Avro writes strings as they are: cheap to rule out
                record = decoder.decode(message)
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
