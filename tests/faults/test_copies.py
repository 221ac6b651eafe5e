"""A stack on three brokers, whatever the other tests run on: everything that it writes has three copies."""

from __future__ import annotations

from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from tests import backing
from tests.faults.stack import Stack
from tests.faults.totals import BATCH, batch, problems

from tidegate_infra.broker.fixture import start


@pytest.mark.faults
@pytest.mark.broker
@pytest.mark.clickhouse
@pytest.mark.timeout(200)
def test_every_topic_of_a_stack_on_three_brokers_has_three_copies(tmp_path: Path) -> None:
    with start(tmp_path / "broker", nodes=3) as broker, backing.clickhouse(tmp_path / "ch") as engine:
        stack = Stack(tmp_path, broker, engine, tmp_path, None)
        stack.publish(batch(0))
        stack.drain()
        assert problems(stack, BATCH) == []
        topics = AdminClient({"bootstrap.servers": broker.bootstrap}).list_topics(timeout=20).topics
    copies = {
        name: {len(partition.replicas) for partition in topic.partitions.values()} for name, topic in topics.items()
    }
    assert {frozenset(counts) for counts in copies.values()} == {frozenset({3})}
    assert {"raw.track", "__consumer_offsets", "__transaction_state"} <= set(copies)
    assert [name for name in copies if name.endswith("-changelog")]
