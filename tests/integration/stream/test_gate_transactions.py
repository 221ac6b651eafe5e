"""What readers of committed data see of a gate that dies, returns, or was replaced; on a real broker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from confluent_kafka import Producer, TopicPartition
from nacl.public import PrivateKey

from tidegate_infra.broker import fixture
from tidegate_schemas.columns import ColumnCodec
from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import clean_schema, dead_letter_schema, raw_schema
from tidegate_stream.flight import in_flight
from tidegate_stream.gate import FencedError, KindGate, MemoryKeys, Passage, Records
from tidegate_stream.gate.passages import Passages
from tidegate_stream.gate.transaction import Batch, PartitionTransactions, read_partition, read_progress

pytestmark = pytest.mark.broker
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEYS = MemoryKeys({"default": b"k" * 32}, bytes(PrivateKey(b"p" * 32).public_key))
MILLIS = int(NOW.timestamp() * 1000)


@pytest.fixture
def brokers(tmp_path: Path) -> Iterator[str]:
    with fixture.start(tmp_path / "broker") as running:
        yield running.bootstrap


def chunk(start: int, end: int, shift: int = 0, **fields: object) -> Records:
    """Raw records `start` to `end` (excluded); the event of each is told by its offset and the shift."""
    codec = RowCodec(raw_schema("track"))
    values = [
        codec.encode(
            {
                "event_id": derived_event_id("event", str(offset + shift)),
                "producer_id": "producer",
                "project": "default",
                "name": "open",
                "occurred_at": NOW,
                "received_at": NOW,
                "anonymous_id": "device",
                **fields,
            }
        )
        for offset in range(start, end)
    ]
    return Records("raw.track", 1, list(range(start, end)), values, [MILLIS] * (end - start))


def committed(brokers: str, topic: str, number: int) -> list[bytes]:
    """Values that a read_committed consumer gets, once there are so many: a commit returns before all can see it."""
    deadline = time.monotonic() + 20
    while True:
        values = [message.value() or b"" for message in read_partition(brokers, TopicPartition(topic, 1))]
        if len(values) >= number or time.monotonic() > deadline:
            return values
        threading.Event().wait(0.05)


def committed_offsets(brokers: str, number: int) -> list[int]:
    """Source offsets of the clean events that were committed, in order."""
    values = committed(brokers, "clean.track", number)
    frame = ColumnCodec(clean_schema("track")).decode(values).frame
    return list(frame["source_offset"])


KILLED = """
import os, signal, sys
from tests.integration.stream.test_gate_transactions import KEYS, chunk
from tidegate_schemas.topics import clean_topic
from tidegate_stream.gate import KindGate, Passage, Seen
from tidegate_stream.gate.passages import Passages
from tidegate_stream.gate.transaction import PartitionTransactions

class Dying(PartitionTransactions):
    def _produce(self, batch):
        super()._produce(batch)
        self._producer.flush(30)  # all of it is at the broker, and only the commit is missing
        os.kill(os.getpid(), signal.SIGKILL)

gate = KindGate("track", KEYS)
transactions = Dying(sys.argv[1], "raw.track", 1)
transactions.write(gate.encode(gate.judge(chunk(100, 200), Seen())))
"""


def test_a_kill_between_produce_and_commit_leaves_each_event_once(brokers: str) -> None:
    first = Passage(KindGate("track", KEYS), brokers, 1)
    assert first.progress == -1
    first.take(chunk(0, 100))
    first.close()
    dead = subprocess.run([sys.executable, "-c", KILLED, brokers], cwd=Path.cwd(), timeout=60, check=False)
    assert dead.returncode == -signal.SIGKILL
    heir = Passage(KindGate("track", KEYS), brokers, 1)
    assert heir.progress == 99
    assert heir.take(chunk(50, 200)).clean == 100
    heir.close()
    assert committed_offsets(brokers, 200) == list(range(200))
    assert read_progress(brokers, "raw.track", 1) == 199


def test_control_without_a_transaction_the_same_kill_shows_events_twice(brokers: str) -> None:
    gate = KindGate("track", KEYS)
    for _ in range(2):  # before the kill, and again after it
        passage = Passage(gate, brokers, 0)
        batch = gate.encode(gate.judge(chunk(0, 100), passage.seen))
        plain = Producer({"bootstrap.servers": brokers, "enable.idempotence": True})
        plain.produce_batch("clean.track", [{"value": value} for value in batch.clean], partition=1)
        assert plain.flush(30) == 0
        passage.close()
    assert committed_offsets(brokers, 200) == [*range(100), *range(100)]


def test_a_zombie_is_fenced_and_adds_nothing(brokers: str) -> None:
    gate = KindGate("track", KEYS)
    zombie = Passage(gate, brokers, 1)
    zombie.take(chunk(0, 10))
    heir = Passage(gate, brokers, 1)
    with pytest.raises(FencedError):
        zombie.take(chunk(10, 20))
    heir.take(chunk(10, 20))
    assert committed_offsets(brokers, 20) == list(range(20))


def test_an_event_that_was_sent_again_is_a_duplicate_after_a_restart_too(brokers: str) -> None:
    first = Passage(KindGate("track", KEYS), brokers, 1)
    assert first.take(chunk(0, 10)).clean == 10
    first.close()
    heir = Passage(KindGate("track", KEYS), brokers, 1)
    again = heir.take(chunk(10, 20, shift=-10))
    assert (again.clean, again.dropped, again.last_offset) == (0, 10, 19)
    assert len(committed(brokers, "outcomes", 1)) == 1
    assert heir.progress == 19


def test_the_memory_of_a_successor_is_that_of_its_predecessor(brokers: str) -> None:
    first = Passage(KindGate("track", KEYS), brokers, 1, span=15)
    first.take(chunk(0, 10))
    first.take(chunk(10, 20))
    first.close()
    heir = Passage(KindGate("track", KEYS), brokers, 1, span=15)
    assert heir.seen.horizon_ms is None
    assert heir.take(chunk(20, 22, shift=-8)).clean == 0  # 12 and 13 are 8 offsets before
    assert heir.take(chunk(22, 24, shift=-20)).clean == 2  # 2 and 3 are beyond the span
    heir.close()


def test_a_visit_without_consent_goes_on_over_midnight_and_over_a_restart(brokers: str, tmp_path: Path) -> None:
    day, salts = int(NOW.timestamp()) // 86_400, [os.urandom(32), os.urandom(32)]
    keys = MemoryKeys({"default": b"k" * 32}, KEYS.dead_letter_key, {day: salts[0], day + 1: salts[1]})
    evening, night, morning = (NOW.replace(hour=0) + timedelta(minutes=minutes) for minutes in (1430, 1450, 1500))
    for offset, received in enumerate((evening, night, morning)):
        passage = Passage(KindGate("track", keys), brokers, 1)
        raw = chunk(offset, offset + 1, received_at=received, consent="anonymous", anonymous_id=None, ip="198.51.100.0")
        passage.take(raw)
        assert passage.take(chunk(offset, offset + 1)).clean == 0
        passage.close()
    names = ColumnCodec(clean_schema("track")).decode(committed(brokers, "clean.track", 3)).frame["visitor"]
    assert (names.n_unique(), names[0] == names[1]) == (2, True)
    written = b"".join(path.read_bytes() for path in (tmp_path / "broker").rglob("*") if path.is_file())
    assert all(salt not in written and salt.hex().encode() not in written for salt in salts)
    assert names[0].encode() in written  # the control: what was made with a salt is found


def test_progress_of_one_partition_is_not_that_of_another(brokers: str) -> None:
    Passage(KindGate("track", KEYS), brokers, 1).take(chunk(0, 10))
    assert PartitionTransactions(brokers, "raw.track", 0).find_progress() == -1
    assert PartitionTransactions(brokers, "raw.span", 1).find_progress() == -1


def test_records_larger_than_any_may_be_cost_themselves_and_the_partition_goes_on(brokers: str) -> None:
    good, letters = chunk(0, 3), RowCodec(dead_letter_schema())
    values: list[bytes | None] = [good.values[0], b"\xc3\x01" + b"x" * 5_000_000, good.values[2]]
    passage = Passage(KindGate("track", KEYS), brokers, 1)
    passed = passage.take(Records("raw.track", 1, good.offsets, values, good.timestamps))
    assert (passed.clean, passed.dead_lettered, passage.progress) == (2, 1, 2)
    (value,) = committed(brokers, "dead-letters", 1)
    letter = letters.decode(value)
    assert (letter["reason"], letter["size_bytes"], letter["payload"]) == ("oversize", 5_000_002, b"")


def test_the_largest_record_passes_however_much_longer_cleaning_makes_it(brokers: str) -> None:
    numbers = ",".join(["1e15"] * 209_000)
    passage = Passage(KindGate("track", KEYS), brokers, 1)
    assert passage.take(chunk(0, 1, properties=f'{{"x":[{numbers}]}}')).clean == 1
    (value,) = committed(brokers, "clean.track", 1)
    assert len(value) > 3 * (1 << 20)
    assert ColumnCodec(clean_schema("track")).decode([value]).bad == []


def test_a_gate_knows_its_progress_behind_what_a_killed_gate_of_another_kind_left_open(brokers: str) -> None:
    """All kinds' progress is in one partition, and an open transaction hides what comes after it."""
    own, killed = (PartitionTransactions(brokers, topic, 1) for topic in ("raw.track", "raw.error"))
    killed._producer.begin_transaction()
    killed._produce(Batch([], [], [], [], None, 5))
    killed._producer.flush(20)
    own.write(Batch([], [], [], [], None, 9))
    with ThreadPoolExecutor(1) as pool:
        successor = pool.submit(lambda: PartitionTransactions(brokers, "raw.track", 1).find_progress())
        with pytest.raises(TimeoutError):
            successor.result(2)
        PartitionTransactions(brokers, "raw.error", 1)
        assert successor.result(30) == 9


def test_what_an_open_transaction_hides_is_still_in_flight(brokers: str) -> None:
    """Of a topic of all kinds: whoever believed careful readers would stop the worker before the ledger had it."""
    own, killed = (PartitionTransactions(brokers, topic, 1) for topic in ("raw.span", "raw.log"))
    before = in_flight(brokers)
    killed._producer.begin_transaction()
    killed._produce(Batch([], [], [], [b"never"], None, 5))
    killed._producer.flush(20)
    own.write(Batch([], [], [], [b"told"], None, 9))
    assert in_flight(brokers) == before + 2
    PartitionTransactions(brokers, "raw.log", 1)
    assert in_flight(brokers) == before + 1


def left_open(brokers: str, topic: str, partition: int, progress: int) -> None:
    """What a gate leaves that is killed within a transaction, after one that it committed."""
    killed = PartitionTransactions(brokers, topic, partition)
    killed.write(Batch([], [], [], [], None, progress))
    killed._producer.begin_transaction()
    killed._produce(Batch([], [], [], [], None, progress + 1))
    killed._producer.flush(20)


@pytest.mark.parametrize("owned", [(0, 1), ()], ids=["all owned are fenced", "control: one at a time"])
def test_gates_that_were_killed_in_two_partitions_dont_wait_for_each_other(brokers: str, owned: Sequence[int]) -> None:
    for topic in ("raw.track", "raw.error"):
        for partition in (0, 1):
            left_open(brokers, topic, partition, 7)
    track, error = (Passages(KindGate(kind, KEYS), brokers, 1) for kind in ("track", "error"))
    with ThreadPoolExecutor(2) as pool:
        opened = [pool.submit(track.of, 1, 1, lambda: owned), pool.submit(error.of, 0, 1, lambda: owned)]
        if owned:
            assert [each.result(30).progress for each in opened] == [7, 7]
            return
        with pytest.raises(TimeoutError):
            opened[0].result(3)
        PartitionTransactions(brokers, "raw.track", 0)
        PartitionTransactions(brokers, "raw.error", 1)
        assert [each.result(30).progress for each in opened] == [7, 7]
