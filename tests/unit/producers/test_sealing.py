"""What the SDK writes with an edge key, and what it says about one that is none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from nacl.public import PrivateKey

from tidegate import Client, InvalidSettingError, Who
from tidegate.publish import seal_of

EDGE_KEY = bytes(PrivateKey(b"s" * 32).public_key).hex() + "ab" * 32
CANARIES: Who = {
    "user_id": "kestrel1",
    "anonymous_id": "kestrel2",
    "ip": "203.0.113.77",
    "url": "https://kestrel3.example",
}


def spooled(folder: Path, edge_key: str | Path | None) -> bytes:
    """All that a process leaves on disk while Kafka is away."""
    client = Client(brokers="127.0.0.1:1", spool=folder, durable=True, edge_key=edge_key)
    client.track("kestrel4", {"note": "kestrel5"}, **CANARIES)
    client.error("kestrel6 at noon", user_id="kestrel1")
    client.shutdown(0.1)
    return b"\n".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_the_spool_holds_sealed_events_only(tmp_path: Path) -> None:
    file = tmp_path / "edge.key"
    file.write_text(EDGE_KEY + "\n")
    for name, edge_key in (("text", EDGE_KEY), ("file", file)):
        kept = spooled(tmp_path / name, edge_key)
        assert b"raw.track" in kept
        assert b"raw.error" in kept
        assert b"kestrel" not in kept
        assert b"203.0.113" not in kept


def test_control_without_an_edge_key_the_spool_holds_them_as_they_are(tmp_path: Path) -> None:
    kept = spooled(tmp_path / "clear", None)
    assert all(f"kestrel{number}".encode() in kept for number in range(1, 7))


@pytest.mark.parametrize("wrong", ["kestrel", "ab" * 32, EDGE_KEY + "ab", "ä" * 128, Path("/nowhere/edge.key")])
def test_a_wrong_edge_key_is_refused_at_the_start_and_never_shown(wrong: str | Path) -> None:
    with pytest.raises(InvalidSettingError, match="edge key") as refused:
        Client(edge_key=wrong)
    assert str(wrong) not in str(refused.value) or isinstance(wrong, Path)


def test_without_the_packages_that_it_needs_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tidegate.sealing", None)
    with pytest.raises(InvalidSettingError, match=r"pip install 'tidegate\[sealing\]'"):
        seal_of(EDGE_KEY)
