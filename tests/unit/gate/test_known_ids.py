"""An event's own ids leave its texts, however they are written there; by column as by record."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from nacl.public import PrivateKey

from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import raw_schema
from tidegate_stream.gate import KindGate, MemoryKeys, Records, Seen
from tidegate_stream.gate.texts import known_pattern, scrub_text

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEYS = MemoryKeys({"default": b"k" * 32}, bytes(PrivateKey(b"p" * 32).public_key))


def cleaned(user_id: str, name: str) -> str:
    """The name of an event of this user, past the gate."""
    event = {
        "event_id": "01890a5d-ac96-774b-bcce-b302099a8057",
        "producer_id": "producer",
        "project": "default",
        "name": name,
        "user_id": user_id,
        "occurred_at": NOON,
        "received_at": NOON,
    }
    record = Records("raw.track", 0, [0], [RowCodec(raw_schema("track")).encode(event)], [0])
    return str(KindGate("track", KEYS).judge(record, Seen()).clean["name"].item())


@pytest.mark.parametrize(
    ("user_id", "name"),
    [
        ("user-4711", "sold to user-4711"),
        ("User-4711", "sold to USER-4711"),
        ("a b/c-4711", "sold to a%20b%2Fc-4711"),
        ("maſter-4711", "sold to MASTER-4711"),
        ("master-4711", "sold to maſter-4711"),
        ("\u212aarl-4711", "sold to karl-4711"),
        ("ИВАН-4711", "sold to иван-4711"),
    ],
)
def test_an_id_goes_however_it_is_written(user_id: str, name: str) -> None:
    assert cleaned(user_id, name) == "sold to [id]" == scrub_text(name, known_pattern([user_id]))


def test_the_same_text_of_another_user_stays() -> None:
    assert cleaned("user-1234", "sold to user-4711") == "sold to user-4711"
