"""After an erasure nothing of the person is left, whatever is read again; and the same checks see it when it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.faults.stack import Stack, running
from tests.integration.privacy.inputs import BEGIN, CANARY, DEVICES, USER, later, others, subject

from tidegate_infra.privacy.rights.erase import Eraser, new_receipt
from tidegate_infra.privacy.rights.receipts import LOGICALLY, Receipt, Receipts
from tidegate_infra.privacy.rights.scan import scan
from tidegate_infra.privacy.rights.store import Store
from tidegate_infra.privacy.rights.stream import Stream
from tidegate_infra.privacy.rights.subject import marks_of_id
from tidegate_infra.rebuild import Range, rebuild
from tidegate_infra.rebuild import Store as Archive
from tidegate_stream.folds import all_folds
from tidegate_stream.gate.keys import DirectoryKeys
from tidegate_stream.rebuild import Stretch
from tidegate_stream.reconcile import Reconciler, Scope

pytestmark = [pytest.mark.broker, pytest.mark.clickhouse, pytest.mark.timeout(300)]
WORDS = (USER, *DEVICES, CANARY)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("erasure")) as stack:
        stack.publish(subject(), sealed=True)  # to the gate, and to what follows, it is all the same
        stack.publish(others())
        stack.drain()
        yield stack


def needles(stack: Stack) -> list[bytes]:
    """What must not be found: ids, their pseudonyms, and what else the person's events say."""
    keys = DirectoryKeys(stack.keys_dir)
    named = [each for value in WORDS for each in keys.every_pseudonym("default", value)]
    return [each.encode() for each in (*WORDS, *named)]


def files_with(folder: Path, words: list[bytes], but: frozenset[str] | set[str] = frozenset()) -> list[str]:
    """Files below a folder that hold one of the words, but for those in some of its folders."""
    return [file for file in scan(folder, words).files if not but & set(file.split("/"))]


def old_parts(stack: Stack) -> set[str]:
    """Parts that mutations replaced: ClickHouse removes them when it comes to it."""
    rows = stack.client.query("SELECT name FROM system.parts WHERE NOT active").result_rows
    return {str(name) for (name,) in rows}


def rows_with(stack: Stack, words: list[bytes]) -> list[str]:
    return [view for view, rows in stack.views().items() if any(word.decode() in repr(rows) for word in words)]


def with_worker(stack: Stack, act: Callable[[], Receipt]) -> Receipt:
    worker = stack.worker()
    try:
        return act()
    finally:
        worker.terminate()
        worker.wait(30)


def eraser(stack: Stack) -> Eraser:
    return Eraser(
        Store(stack.client),
        Stream(stack.brokers, 1),
        Receipts(stack.client),
        timedelta(days=7),
        pass_seconds=60,
        parts_seconds=1,
    )


@pytest.fixture(scope="module")
def before(stack: Stack) -> dict[str, int]:
    """Counts that hold nobody, and what shows that the checks see something."""
    words = needles(stack)
    assert files_with(stack.home / "ch", words)
    assert {"events", "errors", "spans", "logs", "sessions", "activity", "identities"} <= set(rows_with(stack, words))
    return {
        "usage": stack.ask("SELECT sum(count) FROM analytics.usage"),
        "sent": stack.ask("SELECT sum(sent) FROM analytics.ledger"),
    }


@pytest.fixture(scope="module")
def receipt(stack: Stack, before: dict[str, int]) -> Receipt:
    marks = marks_of_id(DirectoryKeys(stack.keys_dir), "default", USER)
    asked = new_receipt("default", marks, datetime.now(UTC))
    return with_worker(stack, lambda: eraser(stack).erase(asked, lambda: datetime.now(UTC)))


def test_nothing_of_the_person_is_in_any_view_or_file(stack: Stack, receipt: Receipt) -> None:
    words = needles(stack)
    assert rows_with(stack, words) == []
    assert files_with(stack.home / "ch", words, old_parts(stack)) == []
    assert files_with(stack.home / "worker", words) == []
    assert receipt.stage == LOGICALLY
    assert receipt.bytes_scanned > 0
    assert [each.receipt_id for each in Receipts(stack.client).find()] == [receipt.receipt_id]


def test_counts_that_hold_nobody_stay_and_the_ledger_says_what_went(
    stack: Stack, receipt: Receipt, before: dict[str, int]
) -> None:
    stack.drain()
    assert stack.ask("SELECT sum(count) FROM analytics.usage") == before["usage"]
    assert receipt.erased_events == len(subject())
    assert stack.ask("SELECT sum(erased) FROM analytics.ledger") == len(subject())
    assert stack.ask("SELECT sum(stored) FROM analytics.ledger") == len(others())
    assert stack.ask("SELECT sum(sent) FROM analytics.ledger") == before["sent"]
    assert stack.ask("SELECT sum(kept) FROM analytics.sampling") == len(others())
    assert stack.ask("SELECT count() FROM analytics.events WHERE user != ''") > 0


def test_neither_a_rebuild_nor_a_replay_nor_what_is_sent_again_brings_the_person_back(
    stack: Stack, receipt: Receipt
) -> None:
    words = needles(stack)
    for read_from in (stack.brokers, None):
        begin, end = (int((BEGIN + timedelta(hours=hours)).timestamp() * 1e6) for hours in (-24, 8))
        list(rebuild(Archive(stack.client), Range(Stretch(begin, end), all_folds(), read_from, 1)))
        assert rows_with(stack, words) == []
    stack.publish(subject("spooled"))
    stack.drain(APP_ID="again")
    stack.drain()
    assert rows_with(stack, words) == []
    spooled = "SELECT sum(dropped_by_reason['erased']) FROM analytics.ledger"
    assert stack.ask(spooled) == len(subject())


def test_reconciliation_finds_no_difference(stack: Stack, receipt: Receipt) -> None:
    places = [(f"clean.{kind}", partition) for kind in ("track", "error", "span", "health") for partition in range(2)]
    reconciler = Reconciler(stack.client, stack.committed, lambda: places, Scope(0, 0, 1, 3600.0, 1800.0))
    assert [*reconciler.round().reported, *reconciler.round().reported] == []


def test_whoever_comes_back_is_somebody_new(stack: Stack, receipt: Receipt) -> None:
    stack.publish(later())
    stack.drain()
    words = needles(stack)
    assert "events" in rows_with(stack, words)
    assert not any(CANARY in repr(rows) for rows in stack.views().values())


def test_without_tombstones_a_replay_brings_the_person_back(stack: Stack, receipt: Receipt) -> None:
    stack.drain(APP_ID="control", BROKEN="knows no erasures")
    assert any(CANARY in repr(rows) for rows in stack.views().values())
