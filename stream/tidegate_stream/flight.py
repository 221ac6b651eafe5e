"""What the worker has not committed yet, read from Kafka as anyone may: without joining its group."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from tidegate_schemas.topics import DEAD_LETTERS, KINDS, OUTCOMES, clean_topic, generation_of, of_generation, raw_topic
from tidegate_stream.errors import CommitsUnknownError
from tidegate_stream.settings import WorkerSettings

Marks = Mapping[tuple[str, int], int]
"""An offset for each topic and partition."""

_TIMEOUT_SECONDS = 20.0
#: While people watch and brokers are killed, no answer is a reason to ask again, not to wait.
_LIVE_SECONDS = 4.0
_PAUSE_SECONDS = 0.2
_SETTLING = frozenset(
    {KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS}
)


def topics_read(generation: int = 1) -> list[str]:
    """The topics that a worker reads."""
    ledger = [of_generation(name, generation) for name in (DEAD_LETTERS, OUTCOMES)]
    return [*(topic(kind, generation) for topic in (raw_topic, clean_topic) for kind in KINDS), *ledger]


def in_flight(brokers: str, generation: int = 1, app_id: str = WorkerSettings.app_id) -> int:
    """Records that the worker has not committed: raw ones, and those between the gate and the tables.

    Raises KafkaException without a broker.
    """
    with _consumer(brokers, of_generation(app_id, generation)) as consumer:
        places = _places(consumer, topics_read(generation))
        return _records_above(consumer, _committed(consumer, places, _TIMEOUT_SECONDS)) if places else 0


def committed_offsets(brokers: str, group: str, places: Iterable[tuple[str, int]]) -> Marks:
    """Below these, archive and folds hold everything; a partition without one is left out.

    Raises CommitsUnknownError.
    """
    wanted = [TopicPartition(topic, partition) for topic, partition in places]
    if not wanted:
        return {}
    with _consumer(brokers, group) as consumer:
        try:
            found = _committed(consumer, wanted, _TIMEOUT_SECONDS)
        except KafkaException as error:
            raise CommitsUnknownError(brokers, str(error)) from error
    return {(place.topic, place.partition): place.offset for place in found if place.offset >= 0}


def ends(brokers: str, topics: Sequence[str]) -> Marks:
    """Where topics end now. Raises KafkaException without a broker."""
    with _consumer(brokers, WorkerSettings.app_id) as consumer:
        places = _places(consumer, topics, _LIVE_SECONDS)
        high = [consumer.get_watermark_offsets(place, timeout=_LIVE_SECONDS)[1] for place in places]
        return {(place.topic, place.partition): end for place, end in zip(places, high, strict=True)}


def behind(brokers: str, marks: Marks, app_id: str = WorkerSettings.app_id) -> int:
    """Records below the marks, all of one generation, that the worker has not committed.

    Raises KafkaException without a broker.
    """
    generation = max((generation_of(topic) for topic, _ in marks), default=1)
    with _consumer(brokers, of_generation(app_id, generation)) as consumer:
        places = [TopicPartition(topic, number) for topic, number in marks]
        return _records_above(consumer, _committed(consumer, places, _LIVE_SECONDS), marks, _LIVE_SECONDS)


@contextmanager
def _consumer(brokers: str, group: str) -> Iterator[Consumer]:
    """A consumer of the worker's group that never joins it."""
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": group,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "log_level": 2,  # a broker that is away is said by the call that needs it
        }
    )
    try:
        yield consumer
    finally:
        consumer.close()


def _places(
    consumer: Consumer, topics: Sequence[str], timeout_seconds: float = _TIMEOUT_SECONDS
) -> list[TopicPartition]:
    known = consumer.list_topics(timeout=timeout_seconds).topics
    return [TopicPartition(topic, number) for topic in topics if topic in known for number in known[topic].partitions]


def _committed(consumer: Consumer, places: list[TopicPartition], timeout_seconds: float) -> list[TopicPartition]:
    """The group's offsets. A broker that has just started doesn't know its coordinator yet."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            return consumer.committed(places, timeout=timeout_seconds)
        except KafkaException as error:
            if error.args[0].code() not in _SETTLING or time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE_SECONDS)


def _records_above(
    consumer: Consumer,
    committed: list[TopicPartition],
    marks: Marks | None = None,
    timeout_seconds: float = _TIMEOUT_SECONDS,
) -> int:
    """Counts records (offsets also count transaction markers), where there are marks, only those below them."""
    left = []
    for place in committed:
        low, high = consumer.get_watermark_offsets(place, timeout=timeout_seconds)
        begin = max(low, place.offset)
        if begin < (high if marks is None else marks[place.topic, place.partition]):
            left.append(TopicPartition(place.topic, place.partition, begin))
    if not left:
        return 0
    consumer.assign(left)
    found, deadline = 0, time.monotonic() + timeout_seconds
    unfinished: set[tuple[str | None, int | None]] = {(place.topic, place.partition) for place in left}
    while unfinished and time.monotonic() < deadline:
        for message in consumer.consume(10_000, timeout=0.1):
            if message.error() is None:
                found += marks is None or _below(message, marks)
            else:  # the end of a partition; under traffic it comes more than once
                unfinished.discard((message.topic(), message.partition()))
    if unfinished:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
    return found


def _below(message: Message, marks: Marks) -> bool:
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    return topic is None or partition is None or offset is None or offset < marks[topic, partition]
