"""After an erasure nothing of the person is left, whatever is read again; and the same checks see it when it is."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.cimpl import NewTopic
from tests.faults.stack import Stack, running
from tests.integration.privacy.inputs import BEGIN, CANARY, DEVICES, TRACE, USER, later, others, poisoned, subject
from tests.waiting import wait_until
from typer.testing import CliRunner, Result

from tidegate_infra.cli import app
from tidegate_infra.dead_letters.letters import Wanted, find
from tidegate_infra.errors import RightsError
from tidegate_infra.privacy.rights.apart import OfficeApart
from tidegate_infra.privacy.rights.desk import OperatorsDesk
from tidegate_infra.privacy.rights.receipts import EXPORT_ALLOWED, EXPORTED, LOGICALLY, Receipt, Receipts
from tidegate_infra.privacy.rights.scan import scan
from tidegate_infra.privacy.rights.stream import Stream
from tidegate_infra.rebuild import Range, rebuild
from tidegate_infra.rebuild import Store as Archive
from tidegate_schemas.topics import KINDS, clean_topic
from tidegate_stream.changelogs import COMPACTED_WITHIN, ensure_changelogs
from tidegate_stream.flight import in_flight
from tidegate_stream.folds import Activity, Identities, Latencies, ReleaseHealth, Sessions
from tidegate_stream.gate.keys import DirectoryKeys
from tidegate_stream.log import Log
from tidegate_stream.rebuild import Stretch
from tidegate_stream.reconcile import Reconciler, Scope

pytestmark = [pytest.mark.broker, pytest.mark.clickhouse, pytest.mark.timeout(300)]
WORDS = (USER, *DEVICES, CANARY, TRACE)
OF_PERSONS = (Sessions(), Activity(), Identities(), ReleaseHealth(), Latencies())
CLEAN = [clean_topic(kind) for kind in KINDS]
SETTLES_SECONDS = 90.0
DROPPED = "SELECT sum(dropped_by_reason['erased']) FROM analytics.ledger"


class Running:
    """A stack with one worker on it, which a test may end."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._worker: subprocess.Popen[bytes] | None = stack.worker()

    def settle(self) -> None:
        """Wait until the worker has committed all that was sent."""
        wait_until(lambda: not in_flight(self.stack.brokers), SETTLES_SECONDS, "nothing in flight")

    def end(self) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.terminate()
            self._worker.wait(30)
            self._worker = None

    def tidegate(self, *arguments: str, text: str = "", **more: str) -> Result:
        """A command, as a user gives it on this stack."""
        return CliRunner().invoke(app, list(arguments), input=text, env=self.environment() | more)

    def environment(self) -> dict[str, str]:
        """Settings of this stack."""
        return {
            "TIDEGATE_HOME": str(self.stack.home),
            "TIDEGATE_BROKERS": self.stack.brokers,
            "TIDEGATE_CLICKHOUSE_URL": self.stack.engine.url,
            "TIDEGATE_CLICKHOUSE_PASSWORD": self.stack.engine.writer_password,
            "TIDEGATE_WRITE_KEY": "write-key",
        }

    def rows_with(self, words: list[bytes]) -> list[str]:
        """Views that show one of the words."""
        return [name for name, rows in self.stack.views().items() if any(word.decode() in repr(rows) for word in words)]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("erasure")) as stack:
        stack.publish(subject(), sealed=True)  # to the gate, and to what follows, it is all the same
        stack.publish([*others(), poisoned()])
        live = Running(stack)
        try:
            live.settle()
            yield live
        finally:
            live.end()


def needles(stack: Stack, words: tuple[str, ...] = WORDS) -> list[bytes]:
    """What must not be found: ids, their pseudonyms, and what else the person's events say."""
    keys = DirectoryKeys(stack.keys_dir)
    named = [each for value in words for each in keys.every_pseudonym("default", value)]
    return [each.encode() for each in (*words, *named)]


@pytest.fixture(scope="module")
def before(live: Running, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """Counts that hold nobody, and what shows that the checks see something: views, files, the export."""
    words, stack = needles(live.stack), live.stack
    assert scan(stack.home / "ch", words).files
    seen = {"events", "errors", "spans", "logs", "sessions", "activity", "identities", "latencies", "endpoint_latency"}
    assert seen <= set(live.rows_with(words))
    out = tmp_path_factory.mktemp("export") / "person.jsonl"
    exported = live.tidegate("privacy", "export", "--user-id", USER, "--out", str(out))
    assert exported.exit_code == 0, exported.output
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert sum(line["table"].startswith("events_") for line in lines) == len(subject())
    assert {line["table"] for line in lines} >= {"sessions", "activity", "identities", "release_health"}
    assert "othertext" not in out.read_text()
    assert out.stat().st_mode & 0o077 == 0
    return {
        "usage": stack.ask("SELECT sum(count) FROM analytics.usage"),
        "sent": stack.ask("SELECT sum(sent) FROM analytics.ledger"),
        "latencies": stack.ask("SELECT sum(count) FROM analytics.latencies"),
    }


@pytest.fixture(scope="module")
def receipt(live: Running, before: dict[str, int]) -> Receipt:
    erased = live.tidegate("privacy", "erase", "--user-id", "-", text=f"{USER}\n")
    assert erased.exit_code == 0, erased.output
    assert USER not in erased.output
    (found, handed_out) = Receipts(live.stack.client).find()
    assert (handed_out.stage, handed_out.marks) == (EXPORTED, ())
    assert handed_out.row_counts["events_track"] > 0
    assert found.receipt_id in erased.output
    return found


def test_nothing_of_the_person_is_in_any_view_or_file(live: Running, receipt: Receipt) -> None:
    words, home = needles(live.stack), live.stack.home
    assert live.rows_with(words) == []
    assert scan(home / "ch", words).files == ()  # in old parts neither
    assert scan(home / "worker", words).files == ()
    assert receipt.stage == LOGICALLY
    assert receipt.bytes_scanned > 0


def test_counts_that_hold_nobody_stay_and_the_ledger_says_what_went(
    live: Running, receipt: Receipt, before: dict[str, int]
) -> None:
    live.settle()
    ask = live.stack.ask
    assert ask("SELECT sum(count) FROM analytics.usage") == before["usage"]
    assert ask("SELECT sum(count) FROM analytics.latencies") == before["latencies"]
    assert receipt.erased_events == len(subject())
    assert ask("SELECT sum(erased) FROM analytics.ledger") == len(subject())
    assert ask("SELECT sum(stored) FROM analytics.ledger") == len(others())
    assert ask("SELECT sum(kept) FROM analytics.sampling") == len(others())
    assert ask("SELECT sum(sent) FROM analytics.ledger") == before["sent"]
    assert ask("SELECT count() FROM analytics.events WHERE user != ''") > 0


def test_the_commands_say_what_became_of_it_and_what_was_wrong(live: Running, receipt: Receipt, tmp_path: Path) -> None:
    listed = live.tidegate("privacy", "status").output
    assert receipt.receipt_id in listed
    assert listed.endswith("\n2 receipts\n")
    shown = live.tidegate("privacy", "status", receipt.receipt_id).output
    assert "logically erased" in shown
    assert f"{len(subject())}\n" in shown
    done_again = live.tidegate("privacy", "erase", "--receipt", receipt.receipt_id)
    assert (done_again.exit_code, f"{len(subject())}\n" in done_again.output) == (0, True), done_again.output
    out = str(tmp_path / "person.jsonl")
    nothing = live.tidegate("privacy", "export", "--user-id", USER, "--out", out)
    assert nothing.output == "nothing is held on this person in project default: no file was written\n"
    assert not (tmp_path / "person.jsonl").exists()
    for arguments, said in {
        ("erase",): "name one person, by --user-id or by --anonymous-id",
        ("erase", "--user-id", "a", "--anonymous-id", "b"): "name one person",
        ("erase", "--project", "nope", "--user-id", "a"): "there is no key of project 'nope' here",
        ("erase", "--receipt", "nope"): "there is no receipt nope",
        ("status", "nope"): "there is no receipt nope",
        ("export", "--user-id", "a", "--out", str(tmp_path)): "exists; name a file that doesn't",
        ("export", "--user-id", "a", "--out", str(tmp_path / "no" / "file")): "can't be written",
    }.items():
        refused = live.tidegate("privacy", *arguments)
        assert (refused.exit_code, said in str(refused.exception or refused.output)) == (1, True), arguments
    # Keys from elsewhere are the keys: those of the home would name, and erase, nobody.
    elsewhere = live.tidegate("privacy", "erase", "--user-id", "a", TIDEGATE_PSEUDONYM_KEYS=f"other={'ab' * 32}")
    assert "there is no key of project 'default' here" in str(elsewhere.exception or elsewhere.output)


def test_operators_get_the_copy_of_the_command_from_a_process_of_its_own(
    live: Running, receipt: Receipt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in live.environment().items():
        monkeypatch.setenv(name, value)
    receipts = Receipts(live.stack.client)
    desk = OperatorsDesk({"ada": "ada-token", "grace": "grace-token"}, OfficeApart(live.stack.home))
    asked = desk.ask("ada-token", "default", user_id="other-user", export=True)
    assert receipts.find(asked)[0].marks != ()
    assert desk.confirm("grace-token", asked) == "export"
    broken_off = desk.export("ada-token", asked)
    assert list(broken_off.chunks)
    broken_off.close()
    assert receipts.find(asked)[0].stage == EXPORT_ALLOWED
    killed = desk.export("ada-token", asked)
    killed.close()
    with pytest.raises(RightsError, match="what was sent is not all"):
        killed.taken()

    handout = desk.export("ada-token", asked)
    handed_out = b"".join(handout.chunks).decode().splitlines()
    handout.taken()
    handout.close()
    (done,) = receipts.find(asked)
    assert (done.stage, done.marks, done.confirmed_by) == (EXPORTED, (), "grace")
    assert sum(done.row_counts.values()) == len(handed_out)
    out = tmp_path / "other.jsonl"
    assert live.tidegate("privacy", "export", "--user-id", "other-user", "--out", str(out)).exit_code == 0
    assert sorted(handed_out) == sorted(out.read_text().splitlines())
    with pytest.raises(RightsError, match="this receipt is exported"):
        desk.export("ada-token", asked)
    monkeypatch.setenv("TIDEGATE_CLICKHOUSE_URL", "http://127.0.0.1:9")
    with pytest.raises(RightsError, match="The dashboard's log says more"):
        desk.refuse("ada-token", asked)


def test_a_rebuild_from_log_or_archive_brings_nobody_back(live: Running, receipt: Receipt) -> None:
    begin, end = (int((BEGIN + timedelta(hours=hours)).timestamp() * 1e6) for hours in (-1, 5))
    for read_from in (live.stack.brokers, None):
        list(rebuild(Archive(live.stack.client), Range(Stretch(begin, end), OF_PERSONS, read_from, 1)))
        assert live.rows_with(needles(live.stack)) == []


def test_what_was_spooled_or_dead_lettered_before_is_dropped_at_the_gate(live: Running, receipt: Receipt) -> None:
    live.stack.publish(subject("spooled"))
    live.settle()
    assert live.stack.ask(DROPPED) == len(subject())
    (letter,) = find(live.stack.client, Wanted())
    mended = {**poisoned()[1], "consent": "granted", "occurred_at": BEGIN.isoformat(), "received_at": BEGIN.isoformat()}
    edited = live.stack.home / "letter.json"
    edited.write_text(json.dumps(mended))
    sent = live.tidegate("dead-letters", "fix", letter.dead_letter_id, str(edited))
    edited.unlink()
    assert sent.exit_code == 0, sent.output
    live.settle()
    assert live.stack.ask(DROPPED) == len(subject()) + 1
    assert live.rows_with(needles(live.stack)) == []


def test_reconciliation_finds_no_difference(live: Running, receipt: Receipt) -> None:
    places = [(f"clean.{kind}", partition) for kind in ("track", "error", "span", "health") for partition in range(2)]
    reconciler = Reconciler(live.stack.client, live.stack.committed, lambda: places, Scope(0, 0, 1, 3600.0, 1800.0))
    assert [*reconciler.round().reported, *reconciler.round().reported] == []


def test_whoever_comes_back_is_somebody_new(live: Running, receipt: Receipt) -> None:
    live.stack.publish(later())
    live.settle()
    assert "events" in live.rows_with(needles(live.stack))
    assert live.rows_with(needles(live.stack, (CANARY, TRACE, DEVICES[1]))) == []


@pytest.mark.faults
def test_an_agent_that_reads_all_again_finds_nobody_and_one_without_tombstones_does(
    live: Running, receipt: Receipt
) -> None:
    live.end()
    gone = needles(live.stack, (CANARY, TRACE, DEVICES[1]))
    live.stack.drain(APP_ID="again")
    assert not in_flight(live.stack.brokers, "again")
    assert live.rows_with(gone) == []
    live.stack.drain(APP_ID="control", BROKEN="knows no erasures")
    assert {"events", "errors", "spans", "logs"} <= set(live.rows_with(gone))


def test_topics_that_are_cut_begin_at_the_erasure(live: Running, receipt: Receipt) -> None:
    stack = live.stack
    (found,) = Receipts(stack.client).find(receipt.receipt_id)
    stream = Stream(stack.brokers, 1)
    assert stream.still_holds(found.positions)
    stream.cut(found.positions)
    assert not stream.still_holds(found.positions)
    with Log(stack.brokers) as log:
        begins = {f"{topic}/{at}": low for (topic, at), (low, _) in log.extents(log.places(CLEAN)).items()}
    assert begins == dict(found.positions)


def test_a_changelog_of_an_earlier_release_gets_the_limits_of_new_ones(live: Running) -> None:
    admin, name = AdminClient({"bootstrap.servers": live.stack.brokers}), "of-an-earlier-release-changelog"
    (made,) = admin.create_topics([NewTopic(name, 1, 1, config={"cleanup.policy": "compact"})]).values()
    made.result(30)
    for _ in range(2):
        ensure_changelogs(live.stack.brokers, {name: 1}, 1)
        (asked,) = admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, name)]).values()
        found = asked.result(30)
        assert int(found["max.compaction.lag.ms"].value) < COMPACTED_WITHIN.total_seconds() * 1000
        assert found["segment.ms"].value == "86400000"
