"""Where the keys that open sealed events come from, and what happens when they don't."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from nacl.public import PrivateKey
from tests.privacy.events import valid

from tidegate.publish import MemoryPublisher
from tidegate.sealing import EdgeSeal
from tidegate_infra.errors import SettingsError
from tidegate_infra.keys import ensure_edge_key
from tidegate_infra.privacy.keys import key_source, sealing_keys
from tidegate_infra.settings import Settings
from tidegate_stream.gate import KeyFileError
from tidegate_stream.gate.key_sources import Text
from tidegate_stream.gate.sealing_keys import READ_AGAIN_SECONDS, ToldKeys, named_keys
from tidegate_stream.gate.unsealing import Opener

NEW, OLD = PrivateKey(b"n" * 32), PrivateKey(b"o" * 32)


def digits(key: PrivateKey) -> str:
    return bytes(key).hex()


def entries(*keys: tuple[str, PrivateKey]) -> str:
    return "\n".join(f"{name}={digits(key)}" for name, key in keys)


BOTH = entries(("sealing", NEW), ("sealing-1", OLD))


def a_sealed_event(edge_key: str | None) -> bytes:
    publisher = MemoryPublisher(seal=EdgeSeal(edge_key or ""))
    publisher.publish("track", valid("track"))
    ((_, value),) = publisher.records["raw.track"]
    return value


@pytest.mark.parametrize("told", ["variable", "command"])
def test_events_are_sealed_and_opened_with_keys_that_are_in_no_file(tmp_path: Path, told: str) -> None:
    answer = tmp_path / "answer"
    answer.write_text(BOTH)
    given: dict[str, Any] = {"sealing_keys": BOTH}
    if told == "command":
        given = {"sealing_keys_command": f"cat {answer}"}
    settings = Settings(home=tmp_path / "home", seal_raw=True, **given)
    edge_key = ensure_edge_key(settings)
    assert edge_key is not None
    assert edge_key[:64] == bytes(NEW.public_key).hex()
    assert list((tmp_path / "home").rglob("sealing*")) == []
    opener = Opener("track", sealing_keys(settings))
    for public in (edge_key, bytes(OLD.public_key).hex() + edge_key[64:]):
        assert isinstance(opener.open_one(a_sealed_event(public)), bytes)
    assert isinstance(opener.open_one(a_sealed_event("ab" * 64)), str)  # the control: another gate's


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"default={digits(NEW)}", "sealing keys are called sealing and, each once"),
        (f"{digits(NEW)}={digits(NEW)}", "sealing keys are called sealing and, each once"),
        (f"sealing={digits(NEW)} sealing={digits(OLD)}", "sealing keys are called sealing and, each once"),
        (f"sealing-1={digits(NEW)}", "must hold the key that edges seal for: sealing="),
        (f"sealing={digits(NEW)[:-2]}", "entry 1 must hold 32 bytes in hexadecimal, not 31"),
        (digits(NEW), "must hold entries such as sealing="),
        ("", "must hold entries such as sealing="),
    ],
)
def test_what_is_no_list_of_sealing_keys_is_refused_without_being_shown(text: str, said: str) -> None:
    with pytest.raises(KeyFileError, match=said) as refused:
        named_keys(Text(text, "TIDEGATE_SEALING_KEYS"))
    assert "TIDEGATE_SEALING_KEYS" in str(refused.value)
    told = "".join(map(str, (refused.value, refused.value.__cause__, refused.value.__context__)))
    assert digits(NEW)[:16] not in told


class Changing:
    """A key management service that a test changes; an error where it doesn't answer."""

    told_by = "the answer of the key command kms"

    def __init__(self, text: str) -> None:
        self.text, self.asked = text, 0

    def entries(self, like: str) -> Sequence[tuple[str, bytes]]:
        self.asked += 1
        return Text(self.text, self.told_by).entries(like)


def test_a_new_key_is_found_when_a_record_needs_it_and_a_flood_asks_once_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now, kms = [0.0], Changing(entries(("sealing", OLD)))
    source = ToldKeys(kms, lambda: now[0])
    openers = [Opener(kind, source) for kind in ("track", "error", "span")]
    assert kms.asked == 1  # for all kinds
    new = a_sealed_event(bytes(NEW.public_key).hex() + "ab" * 32)
    now[0] += READ_AGAIN_SECONDS
    for _ in range(100):
        assert isinstance(openers[0].open_one(new), str)
    assert kms.asked == 2
    kms.text = BOTH
    now[0] += READ_AGAIN_SECONDS
    assert isinstance(openers[0].open_one(new), bytes)
    kms.text = f"permission denied for token {digits(NEW)}"
    now[0] += READ_AGAIN_SECONDS
    with caplog.at_level(logging.ERROR):
        assert isinstance(openers[0].open_one(a_sealed_event("ab" * 64)), str)
    assert isinstance(openers[0].open_one(new), bytes)
    assert "went on with the sealing keys that are known: the answer of the key command kms must hold" in caplog.text
    assert digits(NEW) not in caplog.text


def test_without_an_answer_at_the_start_there_is_no_gate(tmp_path: Path) -> None:
    for command, said in {
        "false": "the key command false ended with status 1",
        "/nowhere/kms": "the key command kms can't be run: No such file or directory",
        "echo garbage": "must hold entries such as sealing=",
    }.items():
        settings = Settings(home=tmp_path, seal_raw=True, sealing_keys_command=command)
        with pytest.raises(KeyFileError, match=said):
            Opener("track", sealing_keys(settings))
        with pytest.raises(KeyFileError, match=said):
            ensure_edge_key(settings)
    assert not (tmp_path / "keys" / "edge.key").exists()


@pytest.mark.parametrize("source", [key_source, sealing_keys])
def test_a_source_that_is_said_twice_or_names_no_program_is_refused(tmp_path: Path, source: object) -> None:
    name = "pseudonym_keys" if source is key_source else "sealing_keys"
    for given, said in (
        ({name: "a=b", f"{name}_command": "cat keys"}, f"set TIDEGATE_{name.upper()} or"),
        ({f"{name}_command": "cat 'keys"}, "is no command line"),
        ({f"{name}_command": "  "}, "is no command line: it names no program"),
    ):
        with pytest.raises(SettingsError, match=said):
            source(Settings(home=tmp_path, **given))  # type: ignore[operator,arg-type]  # of two signatures
