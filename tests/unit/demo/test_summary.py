"""The demo's summary: it balances only if every event is accounted for, once, and the command says so by its status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import tidegate_infra.demo
from tidegate_infra.cli import app
from tidegate_infra.demo.summary import Account, Summary


def summary(sent: int, account: Account, in_flight: int = 0) -> Summary:
    return Summary(sent, account, in_flight, 1.25, 1_000_000)


def test_what_is_stored_dropped_and_dead_lettered_is_what_was_sent() -> None:
    whole = summary(10, Account(6, {"duplicate": 1, "sampled": 1}, 2))
    assert (whole.missing, whole.balances) == (0, True)
    assert "the ledger balances" in "\n".join(whole.lines())


@pytest.mark.parametrize(
    ("unbalanced", "missing"),
    [
        (summary(10, Account(9, {}, 0)), 1),  # lost
        (summary(10, Account(11, {}, 0)), -1),  # doubled
        (summary(10, Account(9, {}, 0), in_flight=1), 0),  # never arrived
        (summary(0, Account(0, {}, 0)), 0),  # nothing happened, so nothing is shown
    ],
)
def test_anything_else_does_not_balance(unbalanced: Summary, missing: int) -> None:
    assert (unbalanced.missing, unbalanced.balances) == (missing, False)
    assert "DOES NOT BALANCE" in "\n".join(unbalanced.lines())


def test_scripts_can_rely_on_its_shape() -> None:
    shape = summary(3, Account(1, {"duplicate": 1}, 1)).as_json()
    assert json.loads(json.dumps(shape)) == {
        "sent": 3,
        "stored": 1,
        "dropped": {"duplicate": 1},
        "dead_lettered": 1,
        "in_flight": 0,
        "missing": 0,
        "freshness_p95_seconds": 1.25,
        "resident_bytes": 1_000_000,
    }


def test_an_account_counts_from_where_the_demo_began() -> None:
    before, after = Account(5, {"duplicate": 2}, 1), Account(9, {"duplicate": 2, "sampled": 3}, 1)
    assert after.since(before) == Account(4, {"sampled": 3}, 0)


@pytest.mark.parametrize(("balances", "status"), [(True, 0), (False, 1)])
def test_the_command_fails_where_the_summary_does_not_balance(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, balances: bool, status: int
) -> None:
    monkeypatch.setenv("TIDEGATE_HOME", str(tmp_path))
    monkeypatch.setattr(tidegate_infra.demo, "demo", lambda *_: balances)
    assert CliRunner().invoke(app, ["demo", "--seconds", "1"]).exit_code == status
