"""Records that carry a real schema registry's ids, all the way from a publisher to the tables and to an outsider."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from tests.faults.stack import PARTITIONS, Stack, running
from tests.faults.totals import BATCH, batch, problems

from tidegate_schemas.errors import UnknownSchemaError
from tidegate_schemas.registry import RegistryClient
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import Schema, clean_schema, raw_schema
from tidegate_schemas.topics import clean_topic, raw_topic
from tidegate_stream.gate.transaction import read_partition

pytestmark = [pytest.mark.broker, pytest.mark.clickhouse, pytest.mark.registry, pytest.mark.timeout(200)]


@pytest.fixture
def stack(tmp_path: Path, schema_registry: str) -> Iterator[Stack]:
    with running(tmp_path, registry=schema_registry) as stack:
        yield stack


def records(stack: Stack, topic: str) -> list[bytes]:
    places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    return [message.value() or b"" for place in places for message in read_partition(stack.brokers, place)]


def test_records_framed_with_a_registrys_ids_are_read_back(stack: Stack, schema_registry: str) -> None:
    stack.publish(batch(0))
    stack.drain()
    assert problems(stack, BATCH) == []
    assert len(stack.clean_ids()) == BATCH
    client = RegistryClient(schema_registry)
    expected: dict[str, Schema] = {raw_topic("track"): raw_schema("track"), clean_topic("track"): clean_schema("track")}
    for topic, schema in expected.items():
        found = records(stack, topic)
        assert len(found) == BATCH
        (head,) = {record[:5] for record in found}
        assert head[:1] == b"\x00"
        assert client.definition(int.from_bytes(head[1:], "big")) == schema.definition
        with pytest.raises(UnknownSchemaError):  # the control: whoever doesn't know the registry can't read them
            RowCodec(schema).decode(found[0])
