"""Reads, from the running stack, what became of events."""

from __future__ import annotations

import time
from importlib import resources

from clickhouse_connect.driver.client import Client
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from tidegate_infra.demo.summary import Account
from tidegate_schemas.topics import DEAD_LETTERS, KINDS, OUTCOMES, clean_topic, raw_topic
from tidegate_stream.settings import WorkerSettings

_TIMEOUT_SECONDS = 20.0
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
    counts = {(str(outcome), str(reason)): int(number) for outcome, reason, number in rows}
    return Account(
        counts.get(("stored", ""), 0),
        {reason: number for (outcome, reason), number in counts.items() if outcome == "dropped"},
        sum(number for (outcome, _), number in counts.items() if outcome == "dead_lettered"),
    )


def freshness_p95_seconds(client: Client, project: str, since_micros: int) -> float | None:
    """From `occurred_at` of product events (the call) to their insert; None without any since then."""
    parameters = {"project": project, "since": since_micros}
    number, p95 = client.query(sql("freshness"), parameters=parameters).result_rows[0]
    return float(p95) if number else None


def in_flight(brokers: str) -> int:
    """Records that the worker has not committed: raw ones, and those between the gate and the tables."""
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": WorkerSettings.app_id,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
        }
    )
    try:
        topics = [*map(raw_topic, KINDS), *map(clean_topic, KINDS), DEAD_LETTERS, OUTCOMES]
        known = consumer.list_topics(timeout=_TIMEOUT_SECONDS).topics
        places = [
            TopicPartition(topic, number) for topic in topics if topic in known for number in known[topic].partitions
        ]
        return _records_above(consumer, _committed(consumer, places))
    finally:
        consumer.close()


def _committed(consumer: Consumer, places: list[TopicPartition]) -> list[TopicPartition]:
    """The group's offsets. A broker that has just started doesn't know its coordinator yet."""
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while True:
        try:
            return consumer.committed(places, timeout=_TIMEOUT_SECONDS)
        except KafkaException as error:
            if error.args[0].code() not in _SETTLING or time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE_SECONDS)


def _records_above(consumer: Consumer, committed: list[TopicPartition]) -> int:
    """Counts records, since offsets also count transaction markers."""
    behind = []
    for place in committed:
        low, high = consumer.get_watermark_offsets(place, timeout=_TIMEOUT_SECONDS)
        begin = max(low, place.offset)
        if high > begin:
            behind.append(TopicPartition(place.topic, place.partition, begin))
    if not behind:
        return 0
    consumer.assign(behind)
    found, open_ends, deadline = 0, len(behind), time.monotonic() + _TIMEOUT_SECONDS
    while open_ends and time.monotonic() < deadline:
        for message in consumer.consume(10_000, timeout=0.1):
            if message.error() is None:
                found += 1
            else:  # the end of a partition
                open_ends -= 1
    return found
