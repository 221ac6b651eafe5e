"""Three nodes of which one dies by SIGKILL in the middle of writes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from tests.waiting import wait_until

from tidegate_infra.broker.fixture import RunningBroker, start
from tidegate_infra.broker.replicas import replicas_behind
from tidegate_infra.broker.topics import Topic, create_topics
from tidegate_infra.errors import BrokerError
from tidegate_stream.gate.transaction import read_partition

pytestmark = [pytest.mark.broker, pytest.mark.timeout(180)]
COPIED, ALONE, PARTITIONS = "raw.track", "one.copy", 3
BEFORE_THE_KILL, AFTER_THE_KILL = 2_000, 4_000
IN_FLIGHT = 1_000


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    with start(tmp_path_factory.mktemp("cluster"), PARTITIONS, nodes=3) as running:
        create_topics(running.bootstrap, [Topic(ALONE, PARTITIONS)], replication_factor=1)
        yield running


@pytest.fixture
def killed(cluster: RunningBroker) -> Iterator[int]:
    """A node to kill: afterwards it runs again, and has caught up."""
    leader = AdminClient({"bootstrap.servers": cluster.bootstrap}).list_topics(COPIED, 10).topics[COPIED].partitions[0]
    index = leader.leader - 1
    yield index
    if not cluster.nodes[index].alive:
        cluster.start_again(index)
    cluster.wait_in_sync()
    assert all(node.alive for node in cluster.nodes)


class Writer:
    """Writes numbers with acks=all until it is told to stop, and keeps what became of each."""

    def __init__(self, brokers: str) -> None:
        self.acknowledged: set[int] = set()
        self.failures: list[KafkaError] = []
        own = {"acks": "all", "enable.idempotence": True, "linger.ms": 5, "log_level": 0}
        self._producer = Producer({"bootstrap.servers": brokers, **own})
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(60)

    def _write(self) -> None:
        number = 0
        while not self._ended.is_set():
            self._producer.produce(COPIED, str(number).encode(), partition=number % PARTITIONS, on_delivery=self._note)
            number += 1
            # Few at a time, so that writes are under way at the kill but the queue never fills while they wait.
            while number - len(self.acknowledged) - len(self.failures) > IN_FLIGHT and not self._ended.is_set():
                self._producer.poll(0.01)
        self._producer.flush(60)

    def _note(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self.failures.append(error)
        else:
            self.acknowledged.add(int(message.value() or b""))


def written(cluster: RunningBroker) -> list[int]:
    places = [TopicPartition(COPIED, number) for number in range(PARTITIONS)]
    return [int(message.value() or b"") for place in places for message in read_partition(cluster.bootstrap, place)]


def test_a_node_that_dies_in_the_middle_of_writes_loses_nothing_and_catches_up(
    cluster: RunningBroker, killed: int
) -> None:
    with Writer(cluster.bootstrap) as writer:
        wait_until(lambda: len(writer.acknowledged) > BEFORE_THE_KILL, 30, "too few writes before the kill")
        cluster.kill(killed)
        goal = len(writer.acknowledged) + AFTER_THE_KILL
        wait_until(lambda: len(writer.acknowledged) > goal, 60, "writes did not go on without the node")
        wait_until(lambda: replicas_behind(cluster.bootstrap), 30, "nobody noticed that the node is gone")
        cluster.start_again(killed)
    assert writer.failures == []
    cluster.wait_in_sync()
    assert replicas_behind(cluster.bootstrap) == []
    found = written(cluster)
    assert set(found) == writer.acknowledged
    assert len(found) == len(set(found))  # an idempotent producer's retries are no second copies


def test_control_a_partition_with_one_copy_dies_with_its_node(cluster: RunningBroker, killed: int) -> None:
    topic = AdminClient({"bootstrap.servers": cluster.bootstrap}).list_topics(ALONE, 10).topics[ALONE]
    (lost,) = [number for number, partition in topic.partitions.items() if partition.leader == killed + 1]
    cluster.kill(killed)
    wait_until(lambda: f"{ALONE}/{lost}" in replicas_behind(cluster.bootstrap), 30, "it still has a leader")
    failures: list[KafkaError | None] = []
    producer = Producer({"bootstrap.servers": cluster.bootstrap, "message.timeout.ms": 2_000, "log_level": 0})
    producer.produce(ALONE, b"x", partition=lost, on_delivery=lambda error, _message: failures.append(error))
    producer.flush(30)
    assert [failure is not None and failure.name() for failure in failures] == ["_MSG_TIMED_OUT"]


def test_waiting_for_copies_that_stay_behind_names_them(cluster: RunningBroker, killed: int) -> None:
    cluster.kill(killed)
    wait_until(lambda: replicas_behind(cluster.bootstrap), 30, "nobody noticed that the node is gone")
    with pytest.raises(BrokerError, match=r"not in sync after 0 s: .*raw\.track/0"):
        cluster.wait_in_sync(0.1)


def test_a_node_that_runs_is_not_started_twice(cluster: RunningBroker) -> None:
    with pytest.raises(BrokerError, match="runs already"):
        cluster.start_again(0)


def test_an_even_number_of_nodes_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(BrokerError, match="a cluster of 2 nodes was asked for; allowed are odd numbers"),
        start(tmp_path, nodes=2),
    ):
        pass
