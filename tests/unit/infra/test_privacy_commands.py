"""`tidegate privacy check` and `explain`, as somebody would call them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tidegate_infra.cli import app
from tidegate_schemas.errors import TidegateError

RULES = """\
[projects.default]
remove_keys = ['customer number']
[[projects.default.allow]]
path = 'properties.ref'
patterns = ['phone']
"""
Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("TIDEGATE_HOME", str(tmp_path))
    (tmp_path / "privacy.toml").write_text(RULES)
    return lambda *words, said="": CliRunner().invoke(app, ["privacy", *words], input=said)


def test_an_event_is_told_field_by_field_without_what_was_personal(run: Run) -> None:
    event = {
        "name": "paid",
        "user_id": "jane-4711",
        "properties": {"mail": "jane@example.org", "ref": "+49 170 1234567", "customerNumber": 17, "by": "jane-4711"},
    }
    told = run("explain", "-", said=json.dumps(event)).output
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in told.splitlines()}
    assert lines["properties.mail"] == "xxxx@xxxxxxx.xxx -> [email] pattern email"
    assert lines["properties.by"] == "xxxx-9999 -> [id] own id"
    assert lines["properties.customerNumber"] == "99 -> [removed] key customer number (privacy.toml line 2)"
    assert lines["user_id"].startswith("xxxx-9999 -> user = ")
    assert "properties.ref (allowed (privacy.toml line 3))" in told
    assert "jane" not in told


def test_a_call_of_segments_api_is_taken_as_the_gateway_takes_it(run: Run, tmp_path: Path) -> None:
    call = {"type": "track", "event": "Paid", "userId": "u-4711", "messageId": "m", "properties": {"a@b.org": 1}}
    (tmp_path / "call.json").write_text(json.dumps(call))
    told = run("explain", str(tmp_path / "call.json")).output
    assert "properties.[email] (name)" in told
    assert "name" in told.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "said", "fault"),
    [
        (("explain", "-"), "{", "the event is no JSON"),
        (("explain", "-"), '{"nome":1}', "has no nome; it has event_id, "),
        (("explain", "-", "--kind", "spam"), "{}", "is none of track, error"),
        (("explain", "-"), '{"occurred_at":"2026-01-01T00:00:00"}', "no time zone"),
        (("explain", "-"), '{"type":"track","event":"x","messageId":"m"}', "userId or anonymousId must be given"),
        (("explain", "/no/such"), "", "give a file with one JSON object"),
        (("check", "/no/such"), "", "can't be read"),
    ],
)
def test_what_can_not_be_explained_says_why(run: Run, words: tuple[str, ...], said: str, fault: str) -> None:
    result = run(*words, said=said)
    assert isinstance(result.exception, TidegateError)
    assert fault in str(result.exception)


def test_a_refused_event_says_what_becomes_of_it(run: Run) -> None:
    assert "dropped and counted" in run("explain", "-", said='{"consent":"denied"}').output
    assert "dead letter, sealed: invalid_field: project" in run("explain", "-", said='{"project":"keyless"}').output


def test_a_file_of_rules_is_summed_up(run: Run) -> None:
    told = run("check").output
    assert "is right. A worker follows it from its next start on" in told
    assert "default: 1 removed keys; 1 paths with something allowed" in told


@pytest.mark.parametrize(
    ("printed", "then"),
    [("{key}=default", 0), ("{key}={key}", 0), ("default={key}x", 0), ("{key}", 0), ("default={key}", 3)],
)
def test_no_command_shows_what_a_key_command_printed(run: Run, tmp_path: Path, printed: str, then: int) -> None:
    key, script = "ab" * 32, tmp_path / "kms.sh"
    script.write_text(f"echo '{printed.format(key=key)}'; echo 'token {key}' >&2; exit {then}")
    environment = {"TIDEGATE_HOME": str(tmp_path), "TIDEGATE_PSEUDONYM_KEYS_COMMAND": f"sh {script}"}
    for words in (("privacy", "keys"), ("settings",)):
        done = CliRunner().invoke(app, list(words), env=environment)
        assert key[:16] not in f"{done.output}{done.exception}{done.exc_info}"
        assert isinstance(done.exception, TidegateError) == (words != ("settings",))
