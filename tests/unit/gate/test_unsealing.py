"""What an edge seals only the gate opens, and what was tampered with becomes a dead letter that accounts for itself."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from nacl.public import PrivateKey, SealedBox
from polars.testing import assert_frame_equal
from tests.privacy.events import events, valid

from tidegate.publish import MemoryPublisher
from tidegate.sealing import EdgeSeal
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import sealed_schema
from tidegate_schemas.topics import KINDS, Kind, raw_topic
from tidegate_stream.gate.errors import KeyFileError
from tidegate_stream.gate.gate import GateResult
from tidegate_stream.gate.keys import MemoryKeys
from tidegate_stream.gate.ledger import Records
from tidegate_stream.gate.passage import KindGate
from tidegate_stream.gate.sealing_keys import SealingKeys, folder_keys
from tidegate_stream.gate.seen import Seen
from tidegate_stream.gate.unsealing import CHANGED, DATA_KEYS, NO_KEY, DataKeys, Opener

PRIVATE, OTHER, LETTERS = (PrivateKey(bytes([number]) * 32) for number in (1, 2, 3))
EDGE_KEY = bytes(PRIVATE.public_key).hex() + "ab" * 32
KEYS = MemoryKeys({"default": b"k" * 32}, bytes(LETTERS.public_key))
CODEC = RowCodec(sealed_schema())
CANARY = "kestrel4711"


def keys() -> list[bytes]:
    return [bytes(PRIVATE)]


def published(kind: Kind, raw: list[dict[str, Any]], edge_key: str | None = EDGE_KEY) -> list[tuple[bytes, bytes]]:
    """Keys and values that a producer gives to Kafka."""
    publisher = MemoryPublisher(seal=None if edge_key is None else EdgeSeal(edge_key))
    for event in raw:
        publisher.publish(kind, event)
    return publisher.records[raw_topic(kind)]


def judged(kind: Kind, values: list[bytes | None], source: SealingKeys = keys) -> GateResult:
    chunk = Records(raw_topic(kind), 0, list(range(len(values))), values, [1772366400000] * len(values))
    return KindGate(kind, KEYS, sealing_keys=source).judge(chunk, Seen())


@pytest.mark.parametrize("kind", KINDS)
def test_the_gate_makes_of_sealed_events_what_it_makes_of_the_events(kind: Kind) -> None:
    """Broken ones among them, and mixed with such as aren't sealed."""
    raw = [event for event, _ in events(kind, random.Random(5))]
    raw += [{**valid(kind), "consent": "perhaps"}, {**valid(kind), "event_id": "no UUID"}]
    clear = [value for _, value in published(kind, raw, None)]
    sealed = [value for _, value in published(kind, raw)]
    plain = judged(kind, [*clear])
    pairs = list(zip(clear, sealed, strict=True))
    cases: list[list[bytes | None]] = [
        [*sealed],
        [pair[index % 3 > 0] for index, pair in enumerate(pairs)],  # the first isn't
        [pair[index % 3 < 1] for index, pair in enumerate(pairs)],
    ]
    for values in cases:
        result = judged(kind, values)
        assert_frame_equal(result.clean, plain.clean)
        assert result.keys == plain.keys
        assert_frame_equal(result.refused.sort("_index"), plain.refused.sort("_index"))
        letters = [plain.dead_letters.drop("payload"), result.dead_letters.drop("payload")]
        assert_frame_equal(*letters)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_a_sealed_event_can_be_read_but_its_account(kind: Kind) -> None:
    planted = [pair for seed in range(5) for pair in events(kind, random.Random(seed))]
    # Who sends is no person: what a producer or a project is called stays in the clear.
    planted = [(event, needle) for event, needle in planted if event["producer_id"] == "a" * 32]
    planted = [(event, needle) for event, needle in planted if event["project"] == "default"]
    planted = [(event, needle) for event, needle in planted if needle not in event["event_id"].encode()]
    raw = [event for event, _ in planted]
    found = [
        [
            needle in key + value
            for (key, value), (_, needle) in zip(published(kind, raw, edge_key), planted, strict=True)
        ]
        for edge_key in (EDGE_KEY, None)
    ]
    assert not any(found[0])
    assert all(found[1])  # the control: without a seal each is found


def test_a_person_has_one_key_for_kafka_at_all_edges_and_it_tells_nobody_who() -> None:
    raw = [{**valid("track"), "anonymous_id": each} for each in ("anna", "ben", "anna")]
    here, there = ([key for key, _ in published("track", raw)] for _ in range(2))
    assert here == there
    assert here[0] == here[2] != here[1]
    rotated = bytes(OTHER.public_key).hex() + EDGE_KEY[64:]
    assert [key for key, _ in published("track", raw, rotated)] == here
    assert [key for key, _ in published("track", raw, EDGE_KEY[:64] + "cd" * 32)] != here


def tampered(record: dict[str, Any], **fields: Any) -> bytes:
    return CODEC.encode({**record, **fields})


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


TAMPERINGS: dict[str, tuple[Callable[[dict[str, Any]], bytes], str]] = {
    "its nonce": (lambda record: tampered(record, sealed=flipped(record["sealed"], 0)), CHANGED),
    "its content": (lambda record: tampered(record, sealed=flipped(record["sealed"], 20)), CHANGED),
    "its tag": (lambda record: tampered(record, sealed=flipped(record["sealed"], -1 % len(record["sealed"]))), CHANGED),
    "cut": (lambda record: tampered(record, sealed=record["sealed"][:-1]), CHANGED),
    "without a tag": (lambda record: tampered(record, sealed=record["sealed"][:12]), CHANGED),
    "empty": (lambda record: tampered(record, sealed=b""), CHANGED),
    "of another producer": (lambda record: tampered(record, producer_id="sdk:other"), CHANGED),
    "of another event": (lambda record: tampered(record, event_id=valid("track")["event_id"]), CHANGED),
    "of another project": (lambda record: tampered(record, project="other"), CHANGED),
    "of another number": (lambda record: tampered(record, sequence=8), CHANGED),
    "of another time": (lambda record: tampered(record, received_at=1772366400000001), CHANGED),
    "its data key": (lambda record: tampered(record, data_key=flipped(record["data_key"], 40)), NO_KEY),
    "no data key": (lambda record: tampered(record, data_key=b""), NO_KEY),
    "a data key of its own": (
        lambda record: tampered(record, data_key=bytes(SealedBox(PRIVATE.public_key).encrypt(b"short"))),
        NO_KEY,
    ),
}


@pytest.mark.parametrize("what", TAMPERINGS)
def test_a_record_that_was_changed_is_a_dead_letter_and_its_neighbours_are_clean(what: str) -> None:
    raw = [{**valid("track"), "sequence": number, "user_id": CANARY} for number in (6, 7, 9)]
    sealed = [value for _, value in published("track", raw)]
    change, why = TAMPERINGS[what]
    result = judged("track", [sealed[0], change(CODEC.decode(sealed[1])), sealed[2]])
    assert result.clean["sequence"].to_list() == [6, 9]
    (letter,) = result.dead_letters.iter_rows(named=True)
    assert (letter["reason"], letter["detail"], letter["excerpt"]) == ("unopenable", why, "")
    assert result.outcomes["quantity"].to_list() == [1]
    assert result.outcomes["producer_id"].to_list() == ["sdk:other" if what == "of another producer" else "a" * 32]


def test_a_record_can_be_opened_in_the_topic_of_its_kind_only() -> None:
    (_, value), *_ = published("track", [valid("track")])
    assert Opener("track", keys).open([value]).values
    assert [bad.detail for bad in Opener("log", keys).open([value]).bad] == [CHANGED]


def test_what_no_key_opens_is_kept_as_it_came_for_when_there_is_one() -> None:
    ((_, value),) = published("track", [{**valid("track"), "sequence": 7}])
    (letter,) = judged("track", [value], lambda: [bytes(OTHER)]).dead_letters.iter_rows(named=True)
    assert (letter["reason"], letter["sequence"], letter["producer_id"]) == ("unopenable", 7, "a" * 32)
    assert SealedBox(LETTERS).decrypt(letter["payload"]) == value


def test_dead_letters_of_sealed_events_hold_the_event() -> None:
    event = {**valid("track"), "consent": "perhaps"}
    (letter,) = judged("track", [published("track", [event])[0][1]]).dead_letters.iter_rows(named=True)
    assert SealedBox(LETTERS).decrypt(letter["payload"]) == published("track", [event], None)[0][1]


def test_old_sealing_keys_open_what_was_sealed_for_them_and_new_ones_are_found_while_running(tmp_path: Path) -> None:
    source = folder_keys(tmp_path)
    opener = Opener("track", source)
    ((_, value),) = published("track", [valid("track")])
    assert opener.open([value]).bad
    for name, key in (("sealing.key", OTHER), ("sealing-1.key", PRIVATE)):
        (tmp_path / name).write_text(bytes(key).hex())
        (tmp_path / name).chmod(0o600)
    assert opener.open([value]).values
    (tmp_path / "sealing.key").chmod(0o644)
    with pytest.raises(KeyFileError, match="chmod 600"):
        source()


def test_a_data_key_is_opened_once_and_few_are_remembered() -> None:
    asked: list[int] = []
    known = DataKeys(lambda: asked.append(1) or keys())  # type: ignore[func-returns-value]
    box = SealedBox(PRIVATE.public_key)
    boxed = [bytes(box.encrypt(number.to_bytes(32, "big"))) for number in range(3)]
    first = known.cipher(boxed[0])
    assert known.cipher(boxed[0]) is first
    for number in range(DATA_KEYS):
        known.cipher(bytes(box.encrypt(number.to_bytes(32, "big"))))
    assert known.cipher(boxed[0]) is not first
    assert asked == [1]  # none was unknown


def test_data_keys_change_by_time_and_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.sealing.KEY_RECORDS", 3)
    now = [0.0]
    seal = EdgeSeal(EDGE_KEY, lambda: now[0])

    def data_key() -> bytes:
        return bytes(seal.sealed("track", valid("track"), b"x")["data_key"])

    assert len({data_key() for _ in range(7)}) == 3
    before = data_key()
    now[0] = 901.0
    assert data_key() != before


def test_columns_are_bound_as_the_reference_says() -> None:
    raw = [{**valid("track"), "producer_id": each, "name": each} for each in ("a", "ä" * 5, "sdk:" + "x" * 100, "é/1/")]
    values = [value for _, value in published("track", raw)] * 50
    opener = Opener("track", keys)
    opened = opener.open([*values]).values
    assert [opened[index] for index in range(len(values))] == [opener.open_one(each) for each in values]


def test_chunks_without_sealed_records_are_left_as_they_are() -> None:
    values: list[bytes | None] = [value for _, value in published("track", [valid("track")] * 3, None)]
    chunk = Records("raw.track", 0, [0, 1, 2], values, [0] * 3)
    gate = KindGate("track", KEYS, sealing_keys=keys)
    assert gate.read(chunk)[1] is chunk
    broken = replace(chunk, values=[b"", None, b"\xc3\x01" + bytes(8)])
    assert gate.read(broken)[1] is broken
    assert isinstance(gate.read(chunk)[0].frame, pl.DataFrame)
