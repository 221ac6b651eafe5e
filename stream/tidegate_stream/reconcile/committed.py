"""What the worker's consumer group has committed: below that, archive and folds hold everything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from confluent_kafka import Consumer, KafkaException, TopicPartition

from tidegate_stream.errors import CommitsUnknownError

_TIMEOUT_SECONDS = 10.0


def committed_offsets(brokers: str, group: str, places: Iterable[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
    """Committed offset by topic and partition; partitions without one are left out. Raises CommitsUnknownError."""
    wanted = [TopicPartition(topic, partition) for topic, partition in places]
    if not wanted:
        return {}
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": group, "enable.auto.commit": False})
    try:
        found = consumer.committed(wanted, timeout=_TIMEOUT_SECONDS)
    except KafkaException as error:
        raise CommitsUnknownError(brokers, str(error)) from error
    finally:
        consumer.close()
    return {(place.topic, place.partition): place.offset for place in found if place.offset >= 0}
