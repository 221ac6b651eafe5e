"""What every publisher keeps: the one on Kafka, on a real broker, the one in memory, and those with a spool before."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition
from tests.waiting import wait_until

from tidegate.publish import KafkaPublisher, MemoryPublisher, Publisher
from tidegate.spool.publisher import SpoolingPublisher
from tidegate_schemas.errors import EncodeError, OversizeError
from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import MAX_RAW_BYTES, MAX_RECORD_BYTES, raw_schema

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
Records = Callable[[str], list[tuple[bytes, bytes]]]


def track(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "event_id": derived_event_id("contract", str(number)),
        "producer_id": "producer",
        "sequence": number,
        "project": "default",
        "name": "tick",
        "occurred_at": NOON,
        "received_at": NOON,
        **fields,
    }


def read(brokers: str, topic: str, starts: dict[int, int]) -> list[tuple[int, bytes, bytes]]:
    """Partition, key and value of what any Kafka client reads from there on."""
    settings = {"bootstrap.servers": brokers, "group.id": "contract", "enable.partition.eof": True}
    consumer = Consumer({**settings, "enable.auto.commit": False})
    try:
        consumer.assign([TopicPartition(topic, partition, start) for partition, start in starts.items()])
        found: list[tuple[int, bytes, bytes]] = []
        open_ends = len(starts)
        while open_ends:
            message = consumer.poll(20)
            assert message is not None, f"{topic} could not be read in 20 s"
            if message.error() is None:
                found.append((message.partition() or 0, message.key() or b"", message.value() or b""))
            else:
                open_ends -= 1
        return found
    finally:
        consumer.close()


def ends(brokers: str, topic: str) -> dict[int, int]:
    """Where the topic's partitions end now."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "contract"})
    try:
        partitions = consumer.list_topics(topic, timeout=20).topics[topic].partitions
        return {
            number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=20)[1]
            for number in partitions
        }
    finally:
        consumer.close()


TOPICS = ("raw.track", "raw.metric", "dead-letters", "outcomes")


@pytest.fixture(params=["memory", "durable", "overflow", pytest.param("kafka", marks=pytest.mark.broker)])
def published(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Publisher, Records]]:
    """A publisher, and what it has written to a topic since."""
    if request.param != "kafka":
        memory = MemoryPublisher()
        publisher: Publisher = memory
        if request.param != "memory":
            publisher = SpoolingPublisher(memory, tmp_path / "spool", mode=request.param)
        yield publisher, lambda topic: memory.records.get(topic, [])
        publisher.close()
        return
    brokers: str = request.getfixturevalue("broker")
    before = {topic: ends(brokers, topic) for topic in TOPICS}
    kafka = KafkaPublisher(brokers)
    yield kafka, lambda topic: [(key, value) for _, key, value in read(brokers, topic, before[topic])]
    kafka.close()


def test_an_event_arrives_as_it_was_told_about(published: tuple[Publisher, Records]) -> None:
    publisher, records = published
    answers: list[str | None] = []
    publisher.publish("track", track(1, user_id="42", properties='{"a":1}'), answers.append)
    assert publisher.flush(20) == 0
    assert answers == [None]
    ((_, value),) = records("raw.track")
    event = RowCodec(raw_schema("track")).decode(value)
    assert (event["user_id"], event["properties"], event["occurred_at"]) == ("42", '{"a":1}', NOON)
    assert event["type"] == "track"  # the schema's default


@pytest.mark.parametrize(
    ("who", "key"),
    [
        ({"anonymous_id": "device", "user_id": "user"}, b"device"),
        ({"anonymous_id": None, "user_id": "user"}, b"user"),
        ({"anonymous_id": "", "user_id": ""}, derived_event_id("contract", "7").encode()),
        ({"anonymous_id": "ünï"}, "ünï".encode()),
    ],
)
def test_the_key_is_the_device_else_the_user_else_the_event(
    published: tuple[Publisher, Records], who: dict[str, str | None], key: bytes
) -> None:
    publisher, records = published
    publisher.publish("track", track(7, **who))
    publisher.flush(20)
    assert [found for found, _ in records("raw.track")] == [key]


def test_events_of_one_device_keep_their_order(published: tuple[Publisher, Records]) -> None:
    publisher, records = published
    for number in range(500):
        publisher.publish("track", track(number, anonymous_id=f"device-{number % 3}"))
    publisher.flush(20)
    codec, order = RowCodec(raw_schema("track")), dict[str, list[int]]()
    for _, value in records("raw.track"):
        event = codec.decode(value)
        order.setdefault(event["anonymous_id"], []).append(event["sequence"])
    assert order == {f"device-{device}": list(range(device, 500, 3)) for device in range(3)}


def test_encoded_events_go_as_they_would_one_by_one_and_each_is_answered_for(
    published: tuple[Publisher, Records],
) -> None:
    publisher, records = published
    answers: list[str | None] = []
    events = [track(number, anonymous_id="device") for number in range(50)]
    common = {name: events[0][name] for name in ("producer_id", "project")}
    encode = publisher.encoder(common)
    encoded = [
        encode("track", {name: value for name, value in event.items() if name not in common}) for event in events
    ]
    assert publisher.put_many("track", encoded, answers.append) == []
    assert publisher.flush(20) == 0
    assert answers == [None] * 50
    codec = RowCodec(raw_schema("track"))
    assert [value for _, value in records("raw.track")] == [codec.encode(event) for event in events]
    assert {key for key, _ in records("raw.track")} == {b"device"}


def test_a_series_goes_by_what_its_points_have_in_common_too(published: tuple[Publisher, Records]) -> None:
    publisher, records = published
    point = {**track(1), "instrument": "gauge", "value": 1.0, "service": "shop"}
    encode = publisher.encoder({"service": "shop"})
    publisher.put_many("metric", [encode("metric", {k: v for k, v in point.items() if k != "service"})], None)
    publisher.publish("metric", point)
    publisher.flush(20)
    assert len({key for key, _ in records("raw.metric")}) == 1


def test_an_event_that_does_not_fit_the_schema_is_refused_and_the_others_go_on(
    published: tuple[Publisher, Records],
) -> None:
    publisher, records = published
    publisher.publish("track", track(1))
    with pytest.raises(EncodeError, match="occurred_at"):
        publisher.publish("track", track(2, occurred_at="yesterday"))
    publisher.publish("track", track(3))
    publisher.flush(20)
    assert len(records("raw.track")) == 2


def test_a_record_larger_than_a_message_may_be_is_refused_by_its_size(published: tuple[Publisher, Records]) -> None:
    publisher, records = published
    with pytest.raises(OversizeError, match=r"a record of \d+ bytes for tidegate\.track\.raw, of 1048576 at most"):
        publisher.publish("track", track(1, properties='{"x":"' + "y" * MAX_RAW_BYTES + '"}'))
    publisher.publish("track", track(2))
    publisher.flush(20)
    assert len(records("raw.track")) == 1


def test_dead_letters_and_outcomes_go_by_their_ids(published: tuple[Publisher, Records]) -> None:
    publisher, records = published
    common = {"project": "default", "reason": "oversize"}
    letter = {**common, "dead_letter_id": "d", "source": "gateway:otlp", "detail": "", "size_bytes": 1, "payload": b"x"}
    outcome = {**common, "outcome_id": "o", "minute": NOON, "outcome": "dropped", "quantity": 3}
    publisher.publish_dead_letter({**letter, "occurred_at": NOON})
    publisher.publish_outcome(outcome)
    publisher.flush(20)
    assert [key for key, _ in records("dead-letters")] == [b"d"]
    assert [key for key, _ in records("outcomes")] == [b"o"]


def test_many_threads_may_publish(published: tuple[Publisher, Records]) -> None:
    publisher, records = published

    def work(first: int) -> None:
        for number in range(first, first + 100):
            publisher.publish("track", track(number))

    threads = [threading.Thread(target=work, args=[first]) for first in range(0, 800, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert publisher.flush(20) == 0
    assert len(records("raw.track")) == 800


def test_it_is_ready_where_it_can_publish(published: tuple[Publisher, Records]) -> None:
    assert published[0].ready(20)


def test_closing_delivers_what_is_queued(published: tuple[Publisher, Records]) -> None:
    publisher, records = published
    publisher.publish("track", track(1))
    assert publisher.close(20) == 0
    assert len(records("raw.track")) == 1


def murmur2(data: bytes) -> int:
    """Kafka's hash of a key, as its Java client computes it; positive."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = 0x9747B28C ^ len(data)
    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * m & mask
        h = (h * m & mask) ^ ((k ^ k >> 24) * m & mask)
    if tail := data[whole:]:
        h = (h ^ int.from_bytes(tail, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


@pytest.mark.parametrize(
    ("key", "signed"),
    [("21", -973932308), ("foobar", -790332482), ("a-little-bit-long-string", -985981536), ("abc", 479470107)],
)
def test_the_measure_of_partitions_is_javas(key: str, signed: int) -> None:
    assert murmur2(key.encode()) == signed & 0xFFFFFFFF


@pytest.mark.broker
def test_partitions_are_those_that_java_would_choose(broker: str) -> None:
    before = ends(broker, "raw.track")
    publisher = KafkaPublisher(broker)
    for number in range(200):
        publisher.publish("track", track(number, anonymous_id=f"visitor-{number}"))
    assert publisher.close(20) == 0
    found = {key: partition for partition, key, _ in read(broker, "raw.track", before)}
    assert found == {key: (murmur2(key) & 0x7FFFFFFF) % len(before) for key in found}
    assert len(found) == 200
    assert set(found.values()) == set(before)


def test_a_broker_that_is_away_is_told_about_and_nothing_is_delivered() -> None:
    publisher = KafkaPublisher("127.0.0.1:1", delivery_timeout_seconds=1)
    answers: list[str | None] = []
    publisher.publish("track", track(1), answers.append)
    assert publisher.flush(20) == 0
    assert len(answers) == 1
    assert answers[0] is not None
    assert not publisher.ready(0.2)
    publisher.close(5)


def test_a_queue_that_is_full_gives_back_what_it_did_not_take_in_order() -> None:
    publisher = KafkaPublisher("127.0.0.1:1", queue_messages=3, delivery_timeout_seconds=1)
    encoded = [publisher.encoder({})("track", track(number)) for number in range(5)]
    answers: list[str | None] = []
    left = publisher.put_many("track", encoded, answers.append)
    taken = len(encoded) - len(left)
    assert left == encoded[taken:]
    assert 0 < taken <= 3  # Kafka's client counts what it has to tell, as that it can't connect, among what it holds
    assert publisher.put_many("track", left, answers.append)[-1] == encoded[-1]
    publisher.close(5)
    assert len(answers) >= taken


def test_a_record_that_kafkas_client_refuses_is_answered_for_and_its_neighbours_go_on() -> None:
    publisher = KafkaPublisher("127.0.0.1:1", delivery_timeout_seconds=1)
    answers: list[str | None] = []
    large = (b"key", b"x" * (MAX_RECORD_BYTES + (1 << 20)))
    assert publisher.put_many("track", [(b"key", b"a"), large, (b"key", b"b")], answers.append) == []
    assert len(answers) == 1
    assert "too large" in str(answers[0])
    publisher.close(5)
    assert len(answers) == 3


def test_what_was_not_delivered_is_given_back_with_its_bytes() -> None:
    publisher = KafkaPublisher("127.0.0.1:1", delivery_timeout_seconds=1)
    encoded = [publisher.encoder({})("track", track(number)) for number in range(3)]
    large = (b"key", b"x" * (MAX_RECORD_BYTES + (1 << 20)))
    back: list[tuple[bytes, bytes]] = []
    answers: list[str | None] = []

    def give_back(record: tuple[bytes, bytes], error: str, then: Callable[[str | None], None] | None) -> None:
        back.append(record)
        if then is not None:
            then(error)

    assert publisher.put_many("track", [*encoded, large], answers.append, give_back) == []
    publisher.close(5)
    assert sorted(back) == sorted([*encoded, large])
    assert len(answers) == 4
    assert None not in answers


def test_a_polled_publisher_tells_when_it_is_asked_and_on_that_thread() -> None:
    publisher = KafkaPublisher("127.0.0.1:1", delivery_timeout_seconds=0.1, polled=True)
    told: list[int] = []
    publisher.publish("track", track(1), lambda _: told.append(threading.get_ident()))

    def asked() -> list[int]:
        publisher.poll()
        return told

    wait_until(asked, 10, "it was not told that Kafka is away")
    assert told == [threading.get_ident()]
    assert publisher.close(5) == 0
