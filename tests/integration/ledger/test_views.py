"""The ledger's views on the real engine are what sets of numbers say; whatever happened to them, in whatever order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
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
from tidegate_stream.folds import ledger_folds

pytestmark = pytest.mark.clickhouse
MINUTE = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=1)


@pytest.fixture(scope="module")
def client(tables: ClickHouseAddress) -> Client:
    return connect(Address(tables.url, "writer", tables.writer_password))


def insert(client: Client, table: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        client.insert(f"tidegate.{table}", [list(row.values()) for row in rows], column_names=list(rows[0]))


def write(client: Client, rng: Random, given: Sequence[Account], project: str, minute: datetime = MINUTE) -> None:
    frames = accounts.stored_rows(rng, given, project, minute)
    client.insert_arrow("tidegate.ledger", pl.concat(frames).to_arrow())
    insert(client, "outcomes", [row for each in given for row in accounts.outcomes(rng, each, project, minute)])
    insert(client, "dead_letters", [row for each in given for row in accounts.letters(each, project, minute)])


def sums(client: Client, view: str, project: str) -> dict[str, Counter[str]]:
    fates = ("sent", *accounts.FATES, "in_flight")
    columns = ", ".join(f"sum({fate})" for fate in fates)
    answer = client.query(
        f"SELECT producer_id, {columns} FROM analytics.{view} WHERE project = {{project:String}} GROUP BY producer_id",
        parameters={"project": project},
    )
    return {str(name): Counter(dict(zip(fates, map(int, found), strict=True))) for name, *found in answer.result_rows}


@pytest.mark.parametrize("seed", range(3))
def test_every_number_is_in_one_place_and_none_is_missed(client: Client, seed: int) -> None:
    rng, project = Random(seed), f"numbers-{seed}"
    drawn = [accounts.drawn(rng, kind) for kind in ("sdk", "gateway", "browser", "kafka") for _ in range(4)]
    write(client, rng, drawn, project)
    for view in ("producers", "ledger"):
        found = sums(client, view, project)
        for account in drawn:
            if account.producer_id not in found and view == "ledger" and account.producer_id.startswith("browser:"):
                continue  # a complete page
            got = found.get(account.producer_id, Counter())
            expected = account.fates
            assert {fate: got[fate] for fate in accounts.FATES} == {fate: expected[fate] for fate in accounts.FATES}, (
                account.producer_id,
                view,
            )
            assert got["sent"] == expected.total() - expected["voided"]


def test_a_gap_is_in_flight_for_five_minutes(client: Client) -> None:
    account = Account("sdk:young", 3, {1: {"stored"}, 2: {"missing"}, 3: {"stored"}}, reported=False)
    write(client, Random(1), [account], "young", datetime.now(UTC).replace(second=0, microsecond=0))
    found = sums(client, "ledger", "young")["sdk:young"]
    assert (found["in_flight"], found["missing"]) == (1, 0)


def test_complete_pages_share_a_row_and_incomplete_ones_have_their_own(client: Client) -> None:
    whole = [Account(f"browser:{n}", 2, {1: {"stored"}, 2: {"stored"}}, reported=True) for n in range(3)]
    unclosed = Account("browser:unclosed", 2, {1: {"stored"}, 2: {"stored"}}, reported=False)
    lossy = Account("browser:lossy", 3, {1: {"stored"}, 2: {"missing"}, 3: {"missing"}}, reported=True)
    write(client, Random(2), [*whole, unclosed, lossy], "pages")
    found = sums(client, "ledger", "pages")
    assert {name: (each["stored"], each["missing"]) for name, each in found.items()} == {
        "": (6, 0),
        "browser:unclosed": (2, 0),
        "browser:lossy": (1, 2),
    }
    states = client.query("SELECT producer_id, state, tail_at_most FROM analytics.producers WHERE project = 'pages'")
    told = {row[0]: row[1:] for row in states.result_rows}
    assert told["browser:unclosed"] == ("open", 1000)
    assert told["browser:lossy"] == ("closed", 0)


def test_what_was_before_a_time_is_neither_counted_nor_missed_since_then(client: Client) -> None:
    """A word that began before, numbers that were lost before, and those that were lost since."""
    project, later = "since", MINUTE + timedelta(minutes=30)
    early = Account("sdk:long", 100, {n: {"stored"} for n in range(1, 101) if n not in (5, 90)}, reported=False)
    late = Account("sdk:long", 300, {n: {"stored"} for n in range(101, 301) if n not in (110, 250)}, reported=False)
    new = Account("sdk:new", 200, {n: {"stored"} for n in range(150, 201)}, reported=False)
    write(client, Random(5), [early], project)
    write(client, Random(6), [late], project, later)
    write(client, Random(7), [new], project, later)
    answer = client.query(
        "SELECT producer_id, sumIf(quantity, fate = 'stored'), sumIf(quantity, fate = 'missing') "
        "FROM analytics.ledger_entries_since(since = {since:DateTime('UTC')}) WHERE project = 'since' GROUP BY ALL",
        parameters={"since": later},
    )
    # 90 is one of the 64 numbers that 110 is one of; 5 is of others.
    assert sorted(map(tuple, answer.result_rows)) == [("sdk:long", 198, 3), ("sdk:new", 51, 149)]
    whole = sums(client, "ledger", project)
    assert (whole["sdk:long"]["stored"], whole["sdk:long"]["missing"]) == (296, 4)


def test_events_without_a_number_are_counted_and_never_missed(client: Client) -> None:
    account = Account("loader", 0, {}, reported=False)
    fold = ledger_folds()[0]
    table = accounts.folded(fold, [(account.producer_id, number) for number in (0, 0, 0, 2**62)], "plain", MINUTE)
    client.insert_arrow("tidegate.ledger", table.to_arrow())
    found = sums(client, "ledger", "plain")["loader"]
    assert (found["sent"], found["stored"], found["missing"]) == (4, 4, 0)


def test_an_erased_event_is_erased_and_no_longer_stored(client: Client) -> None:
    account = Account("sdk:erased", 2, {1: {"stored"}, 2: {"stored"}}, reported=True)
    write(client, Random(3), [account], "erased")
    said = {"quantity": 1, "sequences": [2, 2], "outcome": "erased", "reason": "erased"}
    insert(client, "outcomes", [accounts.outcome(account, "erased", MINUTE, **said)])
    answer = client.query("SELECT sent, stored, erased, missing FROM analytics.producers WHERE project = 'erased'")
    assert answer.result_rows == [(2, 1, 1, 0)]


def test_a_report_that_names_absurd_numbers_breaks_nobodys_ledger(client: Client) -> None:
    account = Account("vandal", 1, {1: {"stored"}}, reported=False)
    write(client, Random(4), [account], "vandal")
    for pairs in ([1, 2**62], [-5, 3], [9, 2], [7], [2**63 - 1, 2**63 - 1]):
        said = {"quantity": 1, "sequences": pairs, "outcome": "dropped", "reason": "queue_full"}
        insert(client, "outcomes", [accounts.outcome(account, "vandal", MINUTE, **said)])
    assert sums(client, "ledger", "vandal")["vandal"]["stored"] == 1
