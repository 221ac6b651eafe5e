"""With sealing on, what personal data an event holds is nowhere on the broker's disk; without it, it is."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from confluent_kafka import TopicPartition
from nacl.public import PrivateKey
from polars.testing import assert_frame_equal
from tests.privacy.events import events

from tidegate.publish import KafkaPublisher
from tidegate.sealing import EdgeSeal
from tidegate_infra.broker import fixture
from tidegate_infra.broker.fixture import RunningBroker
from tidegate_schemas.topics import KINDS, Kind, raw_topic
from tidegate_stream.gate.keys import MemoryKeys
from tidegate_stream.gate.ledger import Records
from tidegate_stream.gate.passage import KindGate
from tidegate_stream.gate.seen import Seen
from tidegate_stream.gate.transaction import read_partition

pytestmark = pytest.mark.broker
PRIVATE = PrivateKey(b"s" * 32)
EDGE_KEY = bytes(PRIVATE.public_key).hex() + "ab" * 32
KEYS = MemoryKeys({"default": b"k" * 32}, bytes(PrivateKey(b"p" * 32).public_key))
#: Who sends and which event it is, is told in the clear: see docs/sealing.md.
IN_THE_CLEAR = ("event_id", "producer_id", "project")
Planted = list[tuple[Kind, dict[str, Any], bytes]]


def planted() -> Planted:
    rng = random.Random(21)
    pairs = [(kind, event, needle) for kind in KINDS for event, needle in events(kind, rng)]
    return [each for each in pairs if not any(each[2] in str(each[1][name]).encode() for name in IN_THE_CLEAR)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sealing")


@pytest.fixture(scope="module")
def own_broker(home: Path) -> Iterator[RunningBroker]:
    """One whose files are known."""
    with fixture.start(home, partitions=1) as running:
        yield running


def sent(broker: RunningBroker, these: Planted, seal: EdgeSeal | None) -> None:
    publisher = KafkaPublisher(broker.bootstrap, seal=seal)
    for kind, event, _ in these:
        publisher.publish(kind, event)
    assert publisher.close(30) == 0


def on_disk(home: Path) -> bytes:
    files = [path for path in home.rglob("*.log") if path.parent.name.startswith("raw.")]  # the rest are indexes
    assert files
    return b"\n".join(path.read_bytes() for path in files)


def taken(broker: RunningBroker, kind: Kind, begin: int) -> tuple[bytes, int, pl.DataFrame]:
    """Every byte of the records from an offset on as a reader gets them, where they end, and their clean events."""
    messages = read_partition(broker.bootstrap, TopicPartition(raw_topic(kind), 0))[begin:]
    values = [message.value() for message in messages]
    seen = b"\n".join((message.key() or b"") + (message.value() or b"") for message in messages)
    chunk = Records(raw_topic(kind), 0, list(range(len(values))), values, [1772366400000] * len(values))
    clean = KindGate(kind, KEYS, sealing_keys=lambda: [bytes(PRIVATE)]).judge(chunk, Seen()).clean
    return seen, begin + len(messages), clean


def test_no_canary_is_on_the_brokers_disk_and_the_clean_events_are_the_same(
    home: Path, own_broker: RunningBroker
) -> None:
    these = planted()
    sent(own_broker, these, EdgeSeal(EDGE_KEY))
    disk = on_disk(home)
    read = {kind: taken(own_broker, kind, 0) for kind in KINDS}
    everything = disk + b"".join(seen for seen, _, _ in read.values())
    assert [needle for _, _, needle in these if needle in everything] == []
    found = these[0][1]["event_id"].encode() in everything
    assert found  # it is looked through where it is

    sent(own_broker, these, None)  # the control: the same events as they are
    disk = on_disk(home)
    on_it = [needle for _, _, needle in these if needle in disk]
    assert len(on_it) > len(these) / 2  # lz4 may have cut some
    for kind in KINDS:
        seen, _, clean = taken(own_broker, kind, read[kind][1])
        unseen = [needle for each, _, needle in these if each == kind and needle not in seen]
        assert unseen == []
        assert clean.height > 0
        assert_frame_equal(clean, read[kind][2])
