"""Reads, from the running stack, what became of events."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import resources

from clickhouse_connect.driver.client import Client
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from tidegate_infra.demo.summary import Account, Aggregate
from tidegate_schemas.topics import DEAD_LETTERS, KINDS, OUTCOMES, clean_topic, raw_topic
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


def sql(name: str) -> str:
    """One of this package's queries."""
    return resources.files("tidegate_infra.demo").joinpath("queries", f"{name}.sql").read_text(encoding="utf-8")


def account(client: Client, project: str) -> Account:
    """What the pipeline did with a project's events, up to now."""
    rows = client.query(sql("account"), parameters={"project": project}).result_rows
    return Account.of({(str(outcome), str(reason)): int(number) for outcome, reason, number in rows})


def aggregates(client: Client, project: str, since_micros: int) -> list[Aggregate]:
    """What each aggregate counts beside what the archive holds, from the quarter of an hour of a time on."""
    parameters = {"project": project, "since": since_micros}
    rows = client.query(sql("aggregates"), parameters=parameters).result_rows
    return [Aggregate(str(name), float(counted or 0), float(archived or 0)) for name, counted, archived in rows]


def arrived(client: Client, project: str, since_micros: int) -> dict[str, int]:
    """What was inserted since a time: 1 by event id, the number of points by their time in microseconds."""
    parameters = {"project": project, "since": since_micros}
    rows = client.query(sql("arrived"), parameters=parameters).result_rows
    return {str(key): int(number) for key, number in rows}


def freshness_p95_seconds(client: Client, project: str, since_micros: int) -> float | None:
    """From `occurred_at` of product events (the call) to their insert; None without any since then."""
    parameters = {"project": project, "since": since_micros}
    number, p95 = client.query(sql("freshness"), parameters=parameters).result_rows[0]
    return float(p95) if number else None


def in_flight(brokers: str) -> int:
    """Records that the worker has not committed: raw ones, and those between the gate and the tables.

    Raises KafkaException without a broker.
    """
    topics = [*map(raw_topic, KINDS), *map(clean_topic, KINDS), DEAD_LETTERS, OUTCOMES]
    with _consumer(brokers) as consumer:
        return _records_above(consumer, _committed(consumer, _places(consumer, topics), _TIMEOUT_SECONDS))


def ends(brokers: str, topics: Sequence[str]) -> Marks:
    """Where topics end now. Raises KafkaException without a broker."""
    with _consumer(brokers) as consumer:
        places = _places(consumer, topics, _LIVE_SECONDS)
        high = [consumer.get_watermark_offsets(place, timeout=_LIVE_SECONDS)[1] for place in places]
        return {(place.topic, place.partition): end for place, end in zip(places, high, strict=True)}


def behind(brokers: str, marks: Marks) -> int:
    """Records below the marks that the worker has not committed. Raises KafkaException without a broker."""
    with _consumer(brokers) as consumer:
        places = [TopicPartition(topic, number) for topic, number in marks]
        return _records_above(consumer, _committed(consumer, places, _LIVE_SECONDS), marks, _LIVE_SECONDS)


@contextmanager
def _consumer(brokers: str) -> Iterator[Consumer]:
    """A consumer of the worker's group that never joins it."""
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": WorkerSettings.app_id,
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
    behind = []
    for place in committed:
        low, high = consumer.get_watermark_offsets(place, timeout=timeout_seconds)
        begin = max(low, place.offset)
        if begin < (high if marks is None else marks[place.topic, place.partition]):
            behind.append(TopicPartition(place.topic, place.partition, begin))
    if not behind:
        return 0
    consumer.assign(behind)
    found, deadline = 0, time.monotonic() + timeout_seconds
    unfinished: set[tuple[str | None, int | None]] = {(place.topic, place.partition) for place in behind}
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
