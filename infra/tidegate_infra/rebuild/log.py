"""Clean records for a rebuild: from the clean topic while it has them, which is exact, else from the archive."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl
from confluent_kafka import Consumer, KafkaException, TopicPartition

from tidegate_infra.errors import UnavailableError
from tidegate_infra.rebuild.store import Source, Store
from tidegate_stream.rebuild import clean_events
from tidegate_stream.transport.chunk import Chunk

__all__ = ["Topic", "archived", "published", "topic_of"]

OFFSETS_AT_ONCE = 100_000
_READ_SECONDS = 30.0
_WAIT_SECONDS = 0.5


@dataclass
class _Record:
    """What a chunk's readers read of a record."""

    offset: int
    value: bytes | None
    timestamp: int = 0
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass(frozen=True)
class Topic:
    """What a partition of a clean topic still holds: `low` inclusive, `high` exclusive, `first` of a record."""

    low: int
    high: int
    first: int

    def holds(self, source: Source, first: int) -> bool:
        """Whether all records that were archived from an offset on are there."""
        return self.low <= first and self.high > source.head


def topic_of(brokers: str, source: Source) -> Topic:
    """Ask the broker. Raises UnavailableError."""
    place, consumer = TopicPartition(source.topic, source.partition), _consumer(brokers)
    try:
        low, high = consumer.get_watermark_offsets(place, timeout=_READ_SECONDS)
        consumer.assign([TopicPartition(place.topic, place.partition, low)])
        message = consumer.poll(_READ_SECONDS) if high > low else None
        first = message.offset() if message is not None and message.error() is None else None
    except KafkaException as error:
        raise UnavailableError(f"{source.topic}/{source.partition} can't be read: {error}") from error
    finally:
        consumer.close()
    return Topic(low, high, high if first is None else first)


def published(
    brokers: str, source: Source, first: int, last: int, decode: Callable[[Chunk], pl.DataFrame]
) -> Iterator[pl.DataFrame]:
    """Clean events between two offsets (inclusive) from the clean topic, in order. Raises UnavailableError."""
    consumer, position, patience = _consumer(brokers), first, _READ_SECONDS
    try:
        consumer.assign([TopicPartition(source.topic, source.partition, first)])
        while position <= last:
            messages = consumer.consume(10_000, timeout=_WAIT_SECONDS)
            patience = _READ_SECONDS if messages else patience - _WAIT_SECONDS
            if patience <= 0 or any(message.error() is not None for message in messages):
                raise UnavailableError(f"{source.topic}/{source.partition} stopped answering at offset {position}")
            found = [_Record(message.offset() or 0, message.value()) for message in messages]
            if records := [record for record in found if record.offset <= last]:
                yield decode(Chunk(source.topic, source.partition, position, 0, records))
            if found:
                position = found[-1].offset + 1
    finally:
        consumer.close()


def archived(store: Store, source: Source, first: int, last: int) -> Iterator[pl.DataFrame]:
    """The same from the archive."""
    known = store.known_attributes() if source.kind == "metric" else {}
    for start in range(first, last + 1, OFFSETS_AT_ONCE):
        rows = store.records(source, start, min(start + OFFSETS_AT_ONCE - 1, last))
        if not rows.is_empty():
            yield clean_events(rows, known)


def _consumer(brokers: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": "tidegate-rebuild",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "error",
        }
    )
