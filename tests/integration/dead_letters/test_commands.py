"""Dead letters from the edge to the ledger: found, opened, mended, sent again, each event once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.faults.edges import Gateway
from tests.faults.stack import Stack, running
from tests.waiting import wait_until
from typer.testing import CliRunner, Result

from tidegate.publish import KafkaPublisher
from tidegate_infra.cli import app
from tidegate_infra.dead_letters.letters import Letter, Wanted, find
from tidegate_infra.dead_letters.opening import Opener
from tidegate_infra.dead_letters.replay import Replayer
from tidegate_infra.errors import DeadLetterError
from tidegate_schemas.errors import TidegateError
from tidegate_schemas.identity import new_event_id

pytestmark = [pytest.mark.broker, pytest.mark.clickhouse, pytest.mark.timeout(600)]
AGO = datetime.now(UTC) - timedelta(minutes=20)
MAIL = "kestrel@example.org"
PRODUCER = "sdk:" + "a" * 32
ARRIVES_SECONDS = 120.0


def event(name: str, sequence: int, consent: str = "granted") -> dict[str, Any]:
    return {
        "event_id": new_event_id(),
        "producer_id": PRODUCER,
        "sequence": sequence,
        "project": "default",
        "name": name,
        "consent": consent,
        "occurred_at": AGO,
        "received_at": AGO,
        "user_id": "u-1234567",
        "properties": json.dumps({"note": f"write to {MAIL}", "size": 3}),
    }


class Letters:
    """A stack with letters in it, and the command line on it."""

    def __init__(self, stack: Stack, gateway: Gateway) -> None:
        self.stack, self.gateway = stack, gateway
        self._runner = CliRunner()
        self._environment = {
            "TIDEGATE_HOME": str(stack.home),
            "TIDEGATE_BROKERS": stack.brokers,
            "TIDEGATE_CLICKHOUSE_URL": stack.engine.url,
            "TIDEGATE_CLICKHOUSE_PASSWORD": stack.engine.writer_password,
            "TIDEGATE_GATEWAY_PORT": gateway.url.rpartition(":")[2],
            "TIDEGATE_WRITE_KEY": "write-key",
        }

    def run(self, *arguments: str) -> Result:
        return self._runner.invoke(app, ["dead-letters", *arguments], env=self._environment)

    def letter(self, source: str, sequence: int = 0) -> Letter:
        """The one letter of a source and number, once it is there."""

        def look() -> list[Letter]:
            found = find(self.stack.client, Wanted(resolved=True))
            return [each for each in found if each.source == source and each.sequence == sequence]

        (found,) = wait_until(look, ARRIVES_SECONDS, f"a letter of {source} number {sequence}")
        return found

    def account(self, kind: str = "sdk") -> dict[str, int]:
        fates = ("sent", "stored", "dropped", "dead_lettered", "missing", "in_flight")
        columns = ", ".join(f"sum({fate})" for fate in fates)
        sql = f"SELECT {columns} FROM analytics.ledger WHERE producer_kind = '{kind}'"
        return dict(zip(fates, map(int, self.stack.client.query(sql).result_rows[0]), strict=True))

    def becomes(self, kind: str, **expected: int) -> None:
        """Wait until the ledger says this."""
        rest = dict.fromkeys(("dropped", "dead_lettered", "missing", "in_flight"), 0)
        wait_until(
            lambda: self.account(kind) == rest | expected,
            ARRIVES_SECONDS,
            f"{rest | expected}, is {self.account(kind)}",
        )

    def edited(self, folder: Path, letter: Letter, **fields: Any) -> str:
        """What the letter holds, saved by the command and changed."""
        path = folder / f"{letter.dead_letter_id}.json"
        shown = self.run("show", letter.dead_letter_id, "--out", str(path))
        assert shown.exit_code == 0, shown.output
        assert path.stat().st_mode & 0o077 == 0
        path.write_text(json.dumps(json.loads(path.read_text()) | fields))
        return str(path)


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Letters]:
    with running(tmp_path_factory.mktemp("letters")) as stack:
        gateway, worker = Gateway(stack), stack.worker()
        try:
            wait_until(gateway.healthy, 60, "a gateway that answers")
            yield Letters(stack, gateway)
        finally:
            worker.kill()
            worker.wait()
            gateway.stop()


def test_a_mended_letter_moves_from_dead_lettered_to_stored_and_counts_once(letters: Letters, tmp_path: Path) -> None:
    events = [event("good", 1), event("bad", 2, "perhaps"), event("bad", 3, "perhaps"), event("good", 4)]
    letters.stack.publish([("track", each) for each in events])
    letter, other = letters.letter("raw.track", 2), letters.letter("raw.track", 3)
    letters.becomes("sdk", sent=4, stored=2, dead_lettered=2)

    listed = letters.run("list", "--reason", "invalid_field")
    assert letter.dead_letter_id in listed.output
    assert "consent: must be one of" in listed.output
    shown = letters.run("show", letter.dead_letter_id)
    assert "write to [email]" in shown.output
    assert MAIL not in shown.output + listed.output
    opened = letters.run("show", letter.dead_letter_id, "--payload")
    assert MAIL in opened.stdout
    assert "personal data" in opened.stderr

    unmended = letters.run("replay", letter.dead_letter_id)
    assert unmended.exit_code == 1
    assert "still wrong: consent must be one of" in unmended.output
    mended = letters.run("fix", letter.dead_letter_id, letters.edited(tmp_path, letter, consent="granted"))
    assert mended.exit_code == 0, mended.output
    letters.becomes("sdk", sent=4, stored=3, dead_lettered=1)

    again = letters.run("replay", letter.dead_letter_id)
    assert (again.exit_code, "was replayed before" in again.output) == (1, True)
    replayed_after_a_kill(
        letters, letter, consent="granted"
    )  # before the letter was marked, as nobody knows of the mark
    let_go = letters.run("discard", other.dead_letter_id)
    assert let_go.exit_code == 0, let_go.output
    letters.becomes("sdk", sent=4, stored=3, dropped=1)
    stored = "SELECT count(), uniqExact(event_id) FROM tidegate.events_track FINAL WHERE name = 'bad'"
    assert letters.stack.client.query(stored).result_rows == [(1, 1)]
    assert letters.run("list", "--project", "default").output.endswith("0 letters\n")
    assert letters.letter("raw.track", 2).sealed == b""


def replayed_after_a_kill(letters: Letters, letter: Letter, **fields: Any) -> None:
    """Replay a letter whose mark was never written; come back when the gate has seen it."""
    replayer, publisher = replayer_of(letters)
    opener = Opener(letters.stack.home / "keys")
    original = opener.record(letter, opener.payload(letter))
    assert original is not None
    edited = json.loads(json.dumps(original | fields, default=datetime.isoformat))
    assert replayer.replay(letter, edited).problem == ""
    publisher.close()
    copies = "SELECT sum(quantity) FROM analytics.outcomes WHERE reason = 'duplicate'"
    wait_until(lambda: letters.stack.ask(copies) == 1, ARRIVES_SECONDS, "a copy that the gate knows")


def replayer_of(letters: Letters) -> tuple[Replayer, KafkaPublisher]:
    publisher = KafkaPublisher(letters.stack.brokers)
    opener = Opener(letters.stack.home / "keys")
    return Replayer(opener, publisher, letters.stack.brokers, lambda *_: "no gateway"), publisher


def test_control_a_replay_under_another_id_would_count_twice(letters: Letters) -> None:
    """A record that can't be read has no id of its own: its event's is the letter's."""
    letters.stack.poison("raw.span", b"not a record")
    letter = letters.letter("raw.span")
    replayer, publisher = replayer_of(letters)
    assert "can't be read by any schema" in replayer.replay(letter).problem
    times = {"occurred_at": AGO.isoformat(), "received_at": AGO.isoformat()}
    record = {"project": "default", "name": "mended", "operation": "query", "duration_seconds": 0.1, **times}
    assert replayer.replay(letter, record).problem == ""
    assert replayer.replay(letter, record).problem == ""
    assert replayer.replay(replace(letter, dead_letter_id="another"), record).problem == ""
    publisher.close()
    mended = "SELECT count() FROM tidegate.events_span FINAL WHERE name = 'mended'"
    wait_until(lambda: letters.stack.ask(mended) >= 2, ARRIVES_SECONDS, "both ids")
    assert letters.stack.ask(mended) == 2


def test_what_the_gateway_refused_goes_back_to_it(letters: Letters, tmp_path: Path) -> None:
    items = [{"type": "track", "event": "ok", "userId": "u"}, {"type": "track", "event": "nobody's"}]
    body = {"writeKey": "write-key", "batch": items}
    answer = httpx.post(f"{letters.gateway.url}/v1/batch", json=body, timeout=30)
    assert len(answer.json()["rejected"]) == 1
    letter = letters.letter("gateway:segment")
    letters.becomes("gateway", sent=2, stored=1, dead_lettered=1)
    refused = letters.run("replay", letter.dead_letter_id)
    assert (refused.exit_code, "still wrong" in refused.output) == (1, True)
    assert find(letters.stack.client, Wanted(ids=[letter.dead_letter_id]))[0].resolution == ""
    mended = letters.run("fix", letter.dead_letter_id, letters.edited(tmp_path, letter, userId="u-1"))
    assert mended.exit_code == 0, mended.output
    wait_until(lambda: letters.letter("gateway:segment").resolution, ARRIVES_SECONDS, "a letter that is marked")
    letters.becomes("gateway", sent=2, stored=2)


def test_who_names_no_letter_is_told_what_to_name(letters: Letters) -> None:
    for arguments in (["replay"], ["discard"]):
        assert isinstance(letters.run(*arguments).exception, DeadLetterError)
    unknown = letters.run("show", "no-such-letter").exception
    assert isinstance(unknown, TidegateError)
    assert re.search("no dead letter no-such-letter", str(unknown))
