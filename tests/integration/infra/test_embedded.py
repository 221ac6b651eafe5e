"""The embedded broker, run as the stack runs it."""

from pathlib import Path
from urllib.request import urlopen

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from tidegate_infra.addresses import ClickHouseAddress
from tidegate_infra.broker import fixture
from tidegate_infra.broker.topics import Topic, create_topics, partition_counts, tidegate_topics, wait_for_broker
from tidegate_infra.errors import BrokerError, UnavailableError
from tidegate_infra.processes import free_ports
from tidegate_schemas.topics import CONSENTS, ERASURES
from tidegate_stream.gate.transaction import read_partition

pytestmark = pytest.mark.broker


def test_every_topic_of_the_way_has_the_same_partition_count(broker: str) -> None:
    counts = partition_counts(broker)
    names = {topic.name for topic in tidegate_topics(2)}
    people = {CONSENTS, ERASURES}
    assert len(names) == 23
    assert {name: counts.get(name) for name in names} == dict.fromkeys(names, 2) | dict.fromkeys(people, 1)


def test_creating_topics_again_changes_nothing(broker: str) -> None:
    assert create_topics(broker, [Topic("again", 1)]) == ["again"]
    assert create_topics(broker, [Topic("again", 3)]) == []
    assert partition_counts(broker)["again"] == 1


def test_more_copies_than_nodes_are_refused_by_name(broker: str) -> None:
    with pytest.raises(BrokerError, match=r"cannot create topic copied at .*: .*replication factor"):
        create_topics(broker, [Topic("copied", 1)], replication_factor=5)


def test_a_record_of_several_megabytes_is_taken(broker: str) -> None:
    create_topics(broker, [Topic("large", 1, {"max.message.bytes": "16777216"})])
    producer = Producer({"bootstrap.servers": broker, "acks": "all", "message.max.bytes": 16_000_000})
    failures: list[object] = []
    producer.produce("large", b"x" * 15_000_000, on_delivery=lambda error, _message: failures.append(error))
    assert producer.flush(30) == 0
    assert failures == [None]


def test_a_misspelt_topic_is_not_made(broker: str) -> None:
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "misspelt", "allow.auto.create.topics": True})
    found = consumer.list_topics("raw.trakc", timeout=10).topics["raw.trakc"]
    consumer.close()
    assert found.error is not None
    assert "raw.trakc" not in partition_counts(broker)


def test_an_absent_broker_is_named_after_the_time_given() -> None:
    (port,) = free_ports(1)
    with pytest.raises(UnavailableError, match=f"nothing listens at 127.0.0.1:{port} after 0.2 s"):
        wait_for_broker(f"127.0.0.1:{port}", 0.2)


def test_records_outlive_a_killed_broker(tmp_path: Path) -> None:
    with fixture.start(tmp_path) as first:
        producer = Producer({"bootstrap.servers": first.bootstrap, "acks": "all"})
        producer.produce("raw.track", b"kept", partition=0)
        assert producer.flush(10) == 0
        first.kill()
    with fixture.start(tmp_path) as second:
        consumer = Consumer(
            {"bootstrap.servers": second.bootstrap, "group.id": "reader", "auto.offset.reset": "earliest"}
        )
        consumer.subscribe(["raw.track"])
        message = consumer.poll(30)
        assert message is not None
        assert message.value() == b"kept"
        consumer.close()


def test_a_killed_broker_comes_back_at_its_address_with_its_records(tmp_path: Path) -> None:
    failures: list[object] = []
    with fixture.start(tmp_path) as running:
        producer = Producer({"bootstrap.servers": running.bootstrap, "acks": "all"})
        producer.produce("raw.track", b"before", partition=0, on_delivery=lambda error, _: failures.append(error))
        assert producer.flush(10) == 0
        running.kill()
        assert not running.nodes[0].alive
        producer.produce("raw.track", b"after", partition=0, on_delivery=lambda error, _: failures.append(error))
        running.start_again()
        assert producer.flush(30) == 0
        kept = read_partition(running.bootstrap, TopicPartition("raw.track", 0))
    assert failures == [None, None]
    assert [message.value() for message in kept] == [b"before", b"after"]


@pytest.mark.clickhouse
def test_clickhouse_answers_a_reader_without_a_password(embedded_clickhouse: ClickHouseAddress) -> None:
    with urlopen(f"{embedded_clickhouse.url}/?query=SELECT%20version()") as answer:
        assert answer.status == 200
    assert embedded_clickhouse.writer_password not in repr(embedded_clickhouse)
