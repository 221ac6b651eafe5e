"""Links of ids: to users, and over epochs of keys, from raw events on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl
from tests.property.stream.test_gate_law import raw_frame
from tests.unit.gate.raw_events import NOON, track_record

from tidegate_stream.folds import Identities
from tidegate_stream.gate import Gate, MemoryKeys, Records, Seen
from tidegate_stream.gate.epochs import EpochKey
from tidegate_stream.gate.reference import micros
from tidegate_stream.state.delta import Delta
from tidegate_stream.state.partition import CHANGED, PartitionState
from tidegate_stream.windows import NO_WATERMARK

EPOCHS = (EpochKey(0, b"a" * 32), EpochKey(micros(NOON), b"b" * 32))
KEYS = MemoryKeys({"default": EPOCHS}, bytes(32))
WITHOUT_THE_OLD = MemoryKeys({"default": EPOCHS[1:]}, bytes(32))
USER, DEVICE = (KEYS.every_pseudonym("default", value) for value in ("user-1", "device-1"))


def links(*events: dict[str, Any], keys: MemoryKeys = KEYS) -> set[tuple[str, str, int]]:
    """What is linked to what, and whether that is over a rotation."""
    rows = [track_record(number) | event for number, event in enumerate(events)]
    chunk = Records("raw.track", 0, range(len(rows)), [b""] * len(rows), [0] * len(rows))
    clean = Gate("track", keys).process(raw_frame("track", rows), [], chunk, Seen()).clean
    fold = Identities()
    partial, _ = fold.partial(clean.with_columns(pl.col("source_offset").alias("_offset")), NO_WATERMARK)
    return set(fold.merge([partial]).select("visitor", "user", "rotated").iter_rows())


def told(consent: str = "granted", **ids: str) -> dict[str, Any]:
    return {"consent": consent, **ids}


def test_with_consent_a_known_subject_is_linked_to_what_it_was_called_before() -> None:
    assert links(told(anonymous_id="device-1")) == {(DEVICE[0], DEVICE[1], 1)}
    both = {"anonymous_id": "device-1", "user_id": "user-1"}
    assert links(told(**both)) == {(DEVICE[1], USER[1], 0), (USER[0], USER[1], 1)}
    assert links(told(type="identify", **both)) == {(DEVICE[1], USER[1], 0), (DEVICE[0], DEVICE[1], 1)}
    assert links(told(type="identify", user_id="user-1")) == {(USER[0], USER[1], 1)}


def test_without_consent_there_is_no_link() -> None:
    for consent in ("unknown", "anonymous"):
        assert links(told(consent, anonymous_id="device-1")) == set()


def test_in_the_first_epoch_and_once_the_old_key_is_gone_there_is_no_link() -> None:
    before = {"received_at": datetime(2026, 3, 1, 11, tzinfo=UTC)}
    assert links(told(anonymous_id="device-1") | before) == set()
    assert links(told(anonymous_id="device-1"), keys=WITHOUT_THE_OLD) == set()


def test_an_alias_links_its_own_ids_and_nothing_else_can_name_a_previous_one() -> None:
    alias = {"user_id": "user-1", "previous_id": "device-1"}
    assert links(told(type="alias", **alias)) == {(DEVICE[1], USER[1], 0)}
    assert links(told("unknown", type="track", **alias)) == set()


def test_a_changelog_from_before_there_were_rotations_is_read() -> None:
    fold = Identities()
    rows = pl.DataFrame(
        {"window_start": 0, "incarnation": 0, "project": "p", "visitor": "v", "user": "u", "first_seen": 1},
    ).with_columns(pl.lit(0, pl.Int64).alias("first_offset"), pl.lit(0, pl.UInt32).alias("revision"))
    old = Delta(0, -1, 0, snapshot=True, watermark=0, rows=rows.with_columns(pl.lit(value=True).alias(CHANGED)))
    state = PartitionState.recover(fold, 0, [old])
    assert state.recovered_output([old])["rotated"].to_list() == [0]
