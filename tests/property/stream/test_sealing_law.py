"""Whatever is sealed is opened as it was, by column as one by one, and whatever was changed opens nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nacl.public import PrivateKey
from tests.property.schemas import records

from tidegate.publish import MemoryPublisher
from tidegate.sealing import EdgeSeal
from tidegate_schemas import columns, screen
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import raw_schema, sealed_schema
from tidegate_schemas.topics import KINDS, raw_topic
from tidegate_stream.gate.unsealing import Opener

PRIVATE = PrivateKey(b"s" * 32)
SEAL = EdgeSeal(bytes(PRIVATE.public_key).hex() + "ab" * 32)
OPENERS = {kind: Opener(kind, lambda: [bytes(PRIVATE)]) for kind in KINDS}
CODEC = RowCodec(sealed_schema())


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let even small batches go by column."""
    monkeypatch.setattr(columns, "_FEW", 0)
    monkeypatch.setattr(screen, "FEW", 0)


def published(kind: Any, events: list[dict[str, Any]], seal: EdgeSeal | None) -> list[bytes]:
    publisher = MemoryPublisher(seal=seal)
    for event in events:
        publisher.publish(kind, event)
    return [value for _, value in publisher.records.get(raw_topic(kind), [])]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.data())
def test_columns_open_what_one_by_one_is_opened_and_that_is_what_was_sealed(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(KINDS))
    events = data.draw(st.lists(records.events(raw_schema(kind)), min_size=1, max_size=4))
    clear, sealed = published(kind, events, None), published(kind, events, SEAL)
    values: list[bytes | None] = []
    whole: dict[int, bytes] = {}
    for before, value in zip(clear, sealed, strict=True):
        match data.draw(st.sampled_from(("sealed", "sealed", "changed", "clear", "none"))):
            case "sealed":
                whole[len(values)] = before
                values.append(value)
            case "changed":
                values.append(data.draw(records.mangled(value)))
            case "clear":
                values.append(before)
            case _:
                values.append(None)
    opener = OPENERS[kind]
    opened = opener.open(values)
    by_one = {at: opener.open_one(value) for at, value in enumerate(values) if value and opener.is_sealed(value)}
    assert opened.values == {at: content for at, content in by_one.items() if isinstance(content, bytes)}
    assert {record.index for record in opened.bad} == by_one.keys() - opened.values.keys()
    assert opened.values.items() >= whole.items()
    # Bytes that are another way to write the same record may open it; nothing else ever comes out.
    assert set(opened.values.values()) <= set(clear)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_one_bit_changed_in_what_is_sealed_opens_nothing(data: st.DataObject) -> None:
    event = data.draw(records.events(raw_schema("track")))
    record = CODEC.decode(published("track", [event], SEAL)[0])
    name = data.draw(st.sampled_from(("sealed", "data_key")))
    place, bit = data.draw(st.integers(0, len(record[name]) - 1)), data.draw(st.integers(0, 7))
    changed = bytearray(record[name])
    changed[place] ^= 1 << bit
    assert isinstance(OPENERS["track"].open_one(CODEC.encode(record)), bytes)
    assert isinstance(OPENERS["track"].open_one(CODEC.encode({**record, name: bytes(changed)})), str)
