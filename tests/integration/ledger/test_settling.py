"""Settled pages: the ledger's sums stay, whatever comes late; each page is held against a twin that keeps its rows."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import polars as pl
import pytest
from clickhouse_connect.driver.client import Client
from tests.integration.ledger import accounts
from tests.integration.ledger.accounts import Account

from tidegate_infra.addresses import ClickHouseAddress
from tidegate_sinks.clickhouse import Address, connect
from tidegate_sinks.settling import Settler
from tidegate_stream.reconcile import Judged, Scope, differences

pytestmark = [pytest.mark.clickhouse, pytest.mark.timeout(300)]
NOW = datetime.now(UTC).replace(second=0, microsecond=0)
OLD = NOW - timedelta(days=2)


@pytest.fixture(scope="module")
def client(tables: ClickHouseAddress) -> Client:
    return connect(Address(tables.url, "writer", tables.writer_password))


@dataclass
class Pages:
    """Pages of a project, and in another twins of theirs that keep their rows, as their ids are none of a page's."""

    client: Client
    project: str
    given: list[tuple[str, pl.DataFrame]] = field(default_factory=list)

    def write(self, table: str, rows: pl.DataFrame, *, twins: bool = True) -> None:
        self.given.append((table, rows))
        self._insert(table, rows)
        if twins:
            name = pl.col("producer_id").str.replace("browser:", "browser:twin-", literal=True)
            self._insert(table, rows.with_columns(name, pl.lit(f"{self.project}-twins").alias("project")))

    def write_accounts(self, rng: Random, drawn: Sequence[Account], minute: datetime) -> None:
        if frames := accounts.stored_rows(rng, drawn, self.project, minute):
            self.write("ledger", pl.concat(frames))
        for table, rows in (
            ("outcomes", [row for each in drawn for row in accounts.outcomes(rng, each, self.project, minute)]),
            ("dead_letters", [row for each in drawn for row in accounts.letters(each, self.project, minute)]),
        ):
            if rows:
                self.write(table, pl.DataFrame(rows, infer_schema_length=None))

    def _insert(self, table: str, rows: pl.DataFrame) -> None:
        self.client.insert_arrow(f"tidegate.{table}", rows.to_arrow())

    def sums(self, *, twins: bool = False) -> Counter[tuple[Any, ...]]:
        """Everything but who."""
        answer = self.client.query(
            "SELECT producer_kind, minute, fate, reason, sum(quantity) FROM analytics.ledger_entries "
            "WHERE project = {project:String} GROUP BY ALL",
            parameters={"project": f"{self.project}-twins" if twins else self.project},
        )
        return Counter({tuple(row[:4]): int(row[4]) for row in answer.result_rows})

    def rows(self, table: str) -> int:
        answer = self.client.query(
            f"SELECT count() FROM tidegate.{table} FINAL WHERE project = {{project:String}}",
            parameters={"project": self.project},
        )
        return int(answer.result_rows[0][0])

    def producers(self) -> dict[str, tuple[int, int]]:
        answer = self.client.query(
            "SELECT producer_id, sum(sent), sum(missing) FROM analytics.producers "
            "WHERE project = {project:String} GROUP BY 1",
            parameters={"project": self.project},
        )
        return {str(name): (int(sent), int(missing)) for name, sent, missing in answer.result_rows}


def insert(client: Client, table: str, rows: list[dict[str, Any]]) -> None:
    client.insert(f"tidegate.{table}", [list(row.values()) for row in rows], column_names=list(rows[0]))


def page(number: int, last: int, *missing: int, closed: bool = True, since: int = 1) -> Account:
    said = {each: {"missing" if each in missing else "stored"} for each in range(since, last + 1)}
    return Account(f"browser:{number:032x}", last, said, reported=closed)


def forget(client: Client, project: str) -> None:
    """Forget which pages of a project are settled."""
    client.command(
        "ALTER TABLE tidegate.ledger_pages DELETE WHERE project = {project:String} AND fate = 'page'",
        parameters={"project": project},
        settings={"mutations_sync": 2},
    )


@pytest.mark.parametrize("seed", range(2))
def test_sums_stay_what_they_were_when_pages_are_settled_and_when_all_comes_again(client: Client, seed: int) -> None:
    rng, pages = Random(seed), Pages(client, f"settled-{seed}")
    drawn = [accounts.drawn(rng, "browser") for _ in range(8)]
    whole = [page(seed << 32 | number, rng.choice((1, 5, 63, 64, 65, 130))) for number in range(1, 12)]
    pages.write_accounts(rng, [*drawn, *whole], OLD)
    before, rows = pages.sums(), pages.rows("ledger")
    assert before == pages.sums(twins=True)
    assert Settler(client).settle() >= len(whole)
    assert pages.sums() == before
    assert pages.rows("ledger") < rows
    assert not {each.producer_id for each in whole} & pages.producers().keys()
    for table, frame in list(pages.given):  # a worker that lost its state folds the whole log again
        pages.write(table, frame, twins=False)
    assert pages.sums() == before
    Settler(client).settle()
    Settler(client).remove()
    assert pages.sums() == before


def test_a_settled_page_that_goes_on_is_missed_what_it_loses_from_there(client: Client) -> None:
    rng, pages = Random(7), Pages(client, "going-on")
    pages.write_accounts(rng, [page(0xA1, 70), page(0xA2, 3), page(0xA3, 5, 4)], OLD)
    Settler(client).settle()
    assert pages.producers() == {"": (73, 0), f"browser:{0xA3:032x}": (5, 1)}
    late = [page(0xA1, 140, 90, since=71), page(0xA2, 5, since=4)]
    pages.write_accounts(rng, late, NOW - timedelta(hours=2))
    assert pages.sums() == pages.sums(twins=True)
    assert pages.producers()[f"browser:{0xA1:032x}"] == (70, 1)
    assert Settler(client).settle() == 0, "they have not rested"
    assert Settler(client, clock=lambda: NOW + timedelta(days=1)).settle() >= 1
    assert pages.sums() == pages.sums(twins=True)
    pages.write_accounts(rng, [page(0xA3, 4, since=4)], NOW - timedelta(hours=2))  # what was missing comes
    assert pages.sums() == pages.sums(twins=True)
    assert pages.producers()[f"browser:{0xA3:032x}"] == (5, 0)


def test_a_page_that_goes_on_for_months_is_settled_to_its_last_number_when_its_first_days_expire(
    client: Client,
) -> None:
    pages, hours_ago = Pages(client, "months"), NOW - timedelta(hours=2)
    pages.write_accounts(Random(7), [page(0xA8, 70)], OLD)
    Settler(client).settle()
    pages.write_accounts(Random(7), [page(0xA8, 80, since=71)], hours_ago)
    assert Settler(client, clock=lambda: NOW + timedelta(days=1)).settle() >= 1
    client.command(  # what the TTL does
        "ALTER TABLE tidegate.ledger_pages DELETE WHERE project = 'months' AND minute < {then:DateTime('UTC')}",
        parameters={"then": hours_ago},
        settings={"mutations_sync": 2},
    )
    pages.write_accounts(Random(7), [page(0xA8, 83, 82, since=81)], NOW - timedelta(hours=1))
    assert pages.producers()[f"browser:{0xA8:032x}"] == (3, 1)


def test_a_late_copy_of_a_settled_pages_event_is_not_sent_again(client: Client) -> None:
    pages = Pages(client, "copies")
    pages.write_accounts(Random(8), [page(0xB1, 10)], OLD)
    Settler(client).settle()
    before = pages.sums()
    late = accounts.stored_rows(Random(9), [page(0xB1, 6, since=6)], "copies", NOW - timedelta(hours=1))
    pages.write("ledger", pl.concat(late), twins=False)
    assert pages.sums() == before
    assert pages.producers() == {"": (10, 0)}


def test_an_event_of_a_settled_page_that_is_erased_is_no_longer_stored(client: Client) -> None:
    pages, account = Pages(client, "erased-later"), page(0xB2, 10)
    pages.write_accounts(Random(8), [account], OLD)
    Settler(client).settle()
    said = {"quantity": 2, "sequences": [2, 3], "outcome": "erased", "reason": "erased"}
    pages.write("outcomes", pl.DataFrame([accounts.outcome(account, pages.project, OLD, **said)]))
    assert pages.sums() == pages.sums(twins=True)
    assert sum(number for (_, _, fate, _), number in pages.sums().items() if fate == "erased") == 2


def test_a_report_that_is_told_again_later_counts_once(client: Client) -> None:
    for minute in (OLD, OLD + timedelta(minutes=3)):
        said = {"quantity": 3, "outcome": "dropped", "reason": "unsupported_item", "outcome_id": "the same"}
        row = accounts.outcome(Account("sentry", 0, {}, reported=False), "told-again", minute, **said)
        Pages(client, "told-again").write(
            "outcomes", pl.DataFrame([row], schema_overrides={"sequences": pl.List(pl.Int64)})
        )
    assert list(Pages(client, "told-again").sums().items()) == [
        (("kafka", OLD.replace(tzinfo=None), "dropped", "unsupported_item"), 3)
    ]


def test_forgetting_which_pages_are_settled_is_seen_in_the_sums(client: Client) -> None:
    """The control."""
    pages = Pages(client, "forgotten")
    pages.write_accounts(Random(8), [page(0xC1, 10)], OLD)
    Settler(client).settle()
    forget(client, "forgotten")
    pages.write_accounts(Random(9), [page(0xC1, 12, since=11)], NOW - timedelta(hours=2))
    assert pages.sums() != pages.sums(twins=True)
    assert pages.producers()[f"browser:{0xC1:032x}"] == (12, 10)


def test_of_two_that_settle_at_once_and_one_that_was_cut_off_each_page_counts_once(client: Client) -> None:
    pages, settler = Pages(client, "at-once"), Settler(client)
    pages.write_accounts(Random(8), [page(0xD1, 10), page(0xD2, 2)], OLD)
    before, last = pages.sums(), settler.last_run()
    due = [each for each in settler.due() if each["project"] == "at-once"]
    assert len(due) == 2
    settler.record(due, last)
    settler.record(due, last)  # another worker that saw the same, or a retry; neither got to remove
    settler.record(due[:1], last)
    assert pages.sums() == before
    assert [each for each in settler.due() if each["project"] == "at-once"] == []
    settler.remove()
    assert (pages.rows("ledger"), pages.sums()) == (0, before)


def test_the_reconciler_does_not_miss_the_rows_of_settled_pages(client: Client) -> None:
    project, page_id, partition = "reconciled", f"browser:{0xF1:032x}", 77
    stored = {"project": project, "producer_id": page_id, "source_partition": partition, "version": 1 << 48}
    insert(client, "events_track", [{**stored, "received_at": OLD, "occurred_at": OLD, "event_id": uuid.uuid4()}])
    row = {**stored, "window_start": OLD, "word": 0, "bits": 1, "stored": 1, "source_topic": "clean.track"}
    insert(client, "ledger", [row])
    account = Account(page_id, 1, {}, reported=True)
    insert(client, "outcomes", accounts.outcomes(Random(1), account, project, OLD))
    begin, end = (int(at.timestamp() * 1e6) for at in (OLD - timedelta(hours=1), NOW))
    judged, scope = Judged({("track", partition): end}, []), Scope(begin, end, 1, 3600, 1800)

    def missed() -> list[float]:
        return [each.expected for each in differences(client, judged, scope) if each.aggregate == "ledger"]

    assert missed() == []
    Settler(client).settle()
    assert (Pages(client, project).rows("ledger"), missed()) == (0, [])
    forget(client, project)  # the control
    assert missed() == [1]


def test_the_reconciler_does_not_miss_a_late_copy_whose_row_went_with_its_page(client: Client) -> None:
    """It comes behind the gate's horizon, long after the page: the next run removes its row, as it says nothing."""
    project, page_id, partition = "late-copy", f"browser:{0xF2:032x}", 78
    pages, late = Pages(client, project), NOW - timedelta(hours=5)
    pages.write_accounts(Random(1), [page(0xF2, 1)], OLD)
    Settler(client).settle()
    stored = {"project": project, "producer_id": page_id, "source_partition": partition, "version": 1 << 48}
    event = {**stored, "received_at": late, "occurred_at": OLD, "event_id": uuid.uuid4(), "sequence": 1}
    row = {**stored, "window_start": late, "word": 0, "bits": 1, "stored": 1, "source_topic": "clean.track"}
    insert(client, "events_track", [event])
    insert(client, "ledger", [row])
    begin, end = (int(at.timestamp() * 1e6) for at in (late - timedelta(hours=1), NOW))
    judged, scope = Judged({("track", partition): end}, []), Scope(begin, end, 1, 3600, 1800)

    def missed() -> list[float]:
        return [each.expected for each in differences(client, judged, scope) if each.aggregate == "ledger"]

    assert missed() == []
    Settler(client).settle()
    assert (pages.rows("ledger"), missed()) == (0, [])


KEPT: dict[str, dict[str, Any]] = {
    "unclosed": {},
    "lettered": {},
    "undeliverable": {"reason": "undeliverable"},
    "erased": {"outcome": "erased"},
    "unnamed": {"sequences": []},
}


def test_a_page_of_which_something_may_still_change_keeps_its_rows(client: Client) -> None:
    pages, known = Pages(client, "kept"), []
    for number, (what, changed) in enumerate(KEPT.items()):
        account = page(0xE0 + number, 5, closed=what != "unclosed")
        known.append(account)
        if what not in ("unclosed", "erased"):
            account.said[2] = {"dead_lettered" if what == "lettered" else "missing"}
        if changed:
            said = {"quantity": 1, "outcome": "dropped", "reason": "queue_full", "sequences": [2, 2], **changed}
            row = accounts.outcome(account, pages.project, OLD, **said)
            pages.write("outcomes", pl.DataFrame([row], schema_overrides={"sequences": pl.List(pl.Int64)}))
    pages.write_accounts(Random(3), known, OLD)
    rows = pages.rows("ledger"), pages.rows("outcomes")
    Settler(client).settle()
    assert (pages.rows("ledger"), pages.rows("outcomes")) == rows
    assert {account.producer_id for account in known} == pages.producers().keys()
