"""A withdrawal that one gate passes stops what another has still to pass; on a real broker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from confluent_kafka import Producer, TopicPartition
from nacl.public import PrivateKey
from tests import backing
from tests.waiting import wait_until

from tidegate_schemas.columns import ColumnCodec
from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import clean_schema, consent_schema, outcome_schema, raw_schema
from tidegate_schemas.topics import CONSENTS, ERASURES, Kind
from tidegate_stream.erasure import Erasure, erasure_of, mark, text_of
from tidegate_stream.erasure.erasure import codec
from tidegate_stream.gate import KindGate, MemoryKeys, Passage, Records
from tidegate_stream.gate.erasures import KnownErasures
from tidegate_stream.gate.known_consents import KnownConsents
from tidegate_stream.gate.transaction import read_partition

pytestmark = pytest.mark.broker
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEYS = MemoryKeys({"default": b"k" * 32}, bytes(PrivateKey(b"p" * 32).public_key))


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with backing.broker(tmp_path_factory.mktemp("broker"), 2) as running:
        yield running.bootstrap


def chunk(kind: Kind, partition: int, offset: int, *events: dict[str, Any]) -> Records:
    values = []
    for number, event in enumerate(events, offset):
        own = {"event_id": derived_event_id(kind, str(partition), str(number)), "producer_id": "sdk:1", "name": "open"}
        values.append(RowCodec(raw_schema(kind)).encode({**own, "project": "default", "received_at": NOW, **event}))
    offsets = list(range(offset, offset + len(values)))
    return Records(f"raw.{kind}", partition, offsets, values, [int(NOW.timestamp() * 1000)] * len(values))


def at(minute: int, **event: Any) -> dict[str, Any]:
    """What happened at a minute of the hour before the edge took it."""
    return {"occurred_at": NOW - timedelta(hours=1) + timedelta(minutes=minute), **event}


def decided(minute: int, state: str, **event: Any) -> dict[str, Any]:
    said = json.dumps({"state": state, "version": "3", "erase": state == "withdrawn"}, sort_keys=True)
    return at(minute, name="consent", properties=said, **event)


def outcomes(brokers: str, partition: int) -> dict[str, int]:
    """What was dropped of a partition, by reason."""
    values = [message.value() for message in read_partition(brokers, TopicPartition("outcomes", partition))]
    frame = ColumnCodec(outcome_schema()).decode(values).frame
    return dict(frame.group_by("reason").agg(pl.col("quantity").sum()).iter_rows())


def test_a_withdrawal_at_one_gate_beats_a_spooled_event_at_another(brokers: str) -> None:
    known = KnownConsents(brokers), KnownConsents(brokers)
    here = Passage(KindGate("track", KEYS, consents=known[0]), brokers, 0)
    there = Passage(KindGate("error", KEYS, consents=known[1]), brokers, 1)
    ignorant = Passage(KindGate("span", KEYS), brokers, 1)
    mine, others = {"user_id": "ann", "anonymous_id": "phone"}, {"user_id": "bob"}

    assert here.take(chunk("track", 0, 0, decided(5, "granted", **mine), at(6, **mine))).clean == 2
    assert there.take(chunk("error", 1, 0, at(7, **mine))).clean == 1
    assert here.take(chunk("track", 0, 2, decided(20, "withdrawn", **mine))).dropped == 1
    # Spooled while it was allowed, told of now; by the person's other device, too, and after a new yes.
    late = [at(8, **mine), at(30, user_id="ann"), at(9, **others), at(8, anonymous_id="phone")]
    passed = there.take(chunk("error", 1, 1, *late))
    assert (passed.clean, passed.dropped) == (1, 3)
    here.take(chunk("track", 0, 3, decided(40, "granted", **mine)))
    passed = there.take(chunk("error", 1, 5, at(10, **mine), at(35, **mine), at(41, **mine)))
    assert (passed.clean, passed.dropped) == (1, 2)
    # Control: a gate that doesn't read the table lets all of them through.
    assert (
        ignorant.take(
            chunk("span", 1, 0, *({**each, "operation": "query", "duration_seconds": 1.0} for each in late))
        ).dropped
        == 0
    )

    wait_until(lambda: outcomes(brokers, 1) == {"consent_withdrawn": 5}, 20, "the ledger has what was dropped")
    assert outcomes(brokers, 0) == {"consent_withdrawn": 1}  # the withdrawal itself: it is in no clean topic
    for each in (here, there, ignorant, *known):
        each.close()


def test_what_was_decided_and_what_is_to_be_erased_stands_in_the_log_under_pseudonyms(brokers: str) -> None:
    records = [message.value() for message in read_partition(brokers, TopicPartition(CONSENTS, 0))]
    frame = ColumnCodec(consent_schema()).decode(records).frame
    subjects = {each for name in ("ann", "phone") for each in KEYS.every_pseudonym("default", name)}
    assert set(frame["pseudonym"]) == subjects
    assert frame["decision"].value_counts().sort("decision").rows() == [("granted", 4), ("withdrawn", 2)]
    assert set(frame["consent_version"]) == {"3"}
    asked = read_partition(brokers, TopicPartition(ERASURES, 0))
    erasures = [erasure_of(message.value() or b"", codec()) for message in asked]
    # A retry of the request must not take the place of the record that says what became of it.
    assert asked[0].key() != erasures[0].receipt_id.encode()
    assert [(each.source, each.marks) for each in erasures] == [
        ("consent", frozenset(mark("default", each) for each in subjects))
    ]
    clean = [message.value() for message in read_partition(brokers, TopicPartition("clean.track", 0))]
    told = ColumnCodec(clean_schema("track")).decode(clean).frame.filter(pl.col("name") == "consent")
    assert [json.loads(each)["state"] for each in told["properties"]] == ["granted", "granted"]


def erasure(receipt_id: str, user: str) -> Erasure:
    marks = frozenset(mark("default", each) for each in KEYS.every_pseudonym("default", user))
    return Erasure(receipt_id, "default", marks, int(NOW.timestamp() * 1e6))


def write(brokers: str, *records: tuple[str, int, bytes]) -> None:
    producer = Producer({"bootstrap.servers": brokers})
    for topic, partition, value in records:
        producer.produce(topic, value, key=str(len(value)), partition=partition)
    assert producer.flush(30) == 0


def test_a_gate_that_takes_a_partition_over_knows_what_was_erased_before(brokers: str) -> None:
    write(brokers, (ERASURES, 0, text_of(erasure("before", "cleo"), codec())))
    for knows, clean in ((KnownErasures(brokers), 1), (KnownErasures(None), 2)):  # the latter for control
        heir = Passage(KindGate("log", KEYS, erasures=knows), brokers, int(clean == 2))
        late = [at(5, user_id=user, body="said", level="info") for user in ("cleo", "dora")]
        assert heir.take(chunk("log", int(clean == 2), 0, *late)).clean == clean
        heir.close()
        knows.close()


def test_erasures_in_one_chunk_each_stand_where_they_came(brokers: str) -> None:
    asked = [erasure(f"in a chunk {number}", f"user {number}") for number in range(40)]
    notices = [text_of(each, codec()) for each in asked]
    write(brokers, *((ERASURES, 0, each) for each in notices))
    events = chunk("health", 0, 0, *(at(5, report="feedback", message="said", user_id="eve") for _ in range(4))).values
    values = [*notices[:2], *events[:1], *notices[2:], *events[1:3], notices[0], events[3]]
    raw = Records("raw.health", 0, list(range(len(values))), values, [int(NOW.timestamp() * 1000)] * len(values))
    known = KnownErasures(brokers)
    passage = Passage(KindGate("health", KEYS, erasures=known), brokers, 0)
    passed = passage.take(raw)
    assert (passed.clean, passed.dead_lettered, passed.dropped, passed.last_offset) == (4, 0, 0, len(values) - 1)
    assert passage.progress == len(values) - 1
    clean = [message.value() or b"" for message in read_partition(brokers, TopicPartition("clean.health", 0))]
    events_at = {place for place, value in enumerate(values) if value in events}
    assert [place for place, value in enumerate(clean) if value not in notices] == sorted(events_at)
    assert [value for value in clean if value in notices] == [value for value in values if value in notices]
    passage.close()
    known.close()
