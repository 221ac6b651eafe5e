"""The demo's summary: it balances only if every event is accounted for, once, and the command says so by its status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import tidegate_infra.demo
from tidegate_infra.cli import app
from tidegate_infra.demo.summary import Account, Aggregate, Summary
from tidegate_schemas.reasons import DOCS


def summary(sent: int, account: Account, in_flight: int = 0, **more: Any) -> Summary:
    return Summary(sent, account, in_flight, 1.25, 1_000_000, **more)


def test_what_is_stored_dropped_and_dead_lettered_is_what_was_sent() -> None:
    whole = summary(10, Account(6, {"sampled": 2}, {"oversize": 2}))
    assert (whole.missing, whole.lost, whole.doubled, whole.balances) == (0, 0, 0, True)
    assert "the ledger balances" in "\n".join(whole.lines())


@pytest.mark.parametrize(
    ("unbalanced", "missing", "lost", "doubled"),
    [
        (summary(10, Account(9, {}, {})), 1, 1, 0),  # a planted loss
        (summary(10, Account(10, {}, {}, doubled=1)), 0, 0, 1),  # a planted double
        (summary(10, Account(9, {}, {}, doubled=1)), 1, 1, 1),  # one of each does not cancel out
        (summary(10, Account(11, {}, {})), -1, 0, 0),  # a stranger
        (summary(10, Account(9, {}, {}), in_flight=1), 0, 0, 0),  # never arrived
        (summary(10, Account(10, {}, {}), not_found=2), 0, 2, 0),  # the number is right, but others are there
        (summary(10, Account(10, {}, {}), aggregates=[Aggregate("usage", 11, 10)]), 0, 0, 1),  # folded twice
        (summary(10, Account(10, {}, {}), aggregates=[Aggregate("usage", 9, 10)]), 0, 0, 0),  # not folded
        (summary(0, Account(0, {}, {})), 0, 0, 0),  # nothing happened, so nothing is shown
    ],
)
def test_anything_else_does_not_balance(unbalanced: Summary, missing: int, lost: int, doubled: int) -> None:
    found = (unbalanced.missing, unbalanced.lost, unbalanced.doubled, unbalanced.balances)
    assert found == (missing, lost, doubled, False)
    text = "\n".join(unbalanced.lines())
    assert "DOES NOT BALANCE" in text
    assert ("logs/gateway.log" in text) is (missing > 0)


def test_a_copy_that_the_gate_dropped_is_no_event() -> None:
    counts = {("stored", ""): 8, ("doubled", ""): 0, ("dropped", "duplicate"): 5, ("dropped", "sampled"): 1}
    account = Account.of(counts | {("dead_lettered", "oversize"): 1})
    assert account == Account(8, {"sampled": 1}, {"oversize": 1}, 0, 5)
    assert summary(10, account).balances


def test_an_aggregate_that_is_off_is_named() -> None:
    text = "\n".join(summary(1, Account(1, {}, {}), aggregates=[Aggregate("usage", 3, 5)]).lines())
    assert "OFF: usage by -2" in text


def test_sums_of_weights_may_differ_by_rounding_only() -> None:
    assert Aggregate("usage", 0.1 + 0.2, 0.3).excess == 0


def test_who_was_killed_is_said_where_somebody_was() -> None:
    assert "killed" not in "\n".join(summary(1, Account(1, {}, {})).lines())
    text = "\n".join(summary(1, Account(1, {}, {}), killed={"worker": 2, "broker": 1}).lines())
    assert "broker 1, worker 2" in text


def test_scripts_can_rely_on_its_shape() -> None:
    killed, sums = {"worker": 2, "broker": 1}, [Aggregate("usage", 3, 3)]
    shape = summary(3, Account(1, {"sampled": 1}, {"oversize": 1}, 0, 4), killed=killed, aggregates=sums).as_json()
    assert json.loads(json.dumps(shape)) == {
        "sent": 3,
        "stored": 1,
        "dropped": {"sampled": 1},
        "dead_lettered": 1,
        "dead_letters": {"oversize": 1},
        "refused": {"oversize": 1},
        "in_flight": 0,
        "missing": 0,
        "resent": 4,
        "killed": 3,
        "killed_by_process": {"worker": 2, "broker": 1},
        "lost": 0,
        "doubled": 0,
        "aggregates": {"usage": [3, 3]},
        "is_well": False,
        "freshness_p95_seconds": 1.25,
        "resident_bytes": 1_000_000,
    }


def test_an_account_counts_from_where_the_demo_began() -> None:
    before, after = (
        Account(5, {"oversize": 2}, {"oversize": 1}, 1, 3),
        Account(9, {"oversize": 2, "sampled": 3}, {"oversize": 1}, 1, 5),
    )
    assert after.since(before) == Account(4, {"sampled": 3}, {}, 0, 2)


@pytest.mark.parametrize(
    ("account", "refused"),
    [
        (Account(10, {}, {}), {}),
        (Account(8, {"sampled": 1, "consent_denied": 1}, {}), {}),  # somebody wanted that
        (Account(9, {}, {"invalid_field": 1}), {"invalid_field": 1}),
        (Account(7, {"unsupported_item": 2}, {"oversize": 1}), {"oversize": 1, "unsupported_item": 2}),
        (Account(10, {}, {"oversize": 3}).since(Account(0, {}, {"oversize": 3})), {}),  # of an earlier run
    ],
)
def test_a_demo_whose_healthy_events_were_refused_is_not_well_although_it_balances(
    account: Account, refused: dict[str, int]
) -> None:
    whole, text = summary(10, account), "\n".join(summary(10, account).lines())
    assert (whole.balances, whole.account.refused, whole.is_well) == (True, refused, not refused)
    assert ("REFUSED" in text) is bool(refused)
    assert all(f"{reason} " in text and DOCS[reason] in text for reason in refused)


def test_who_sees_a_refusal_is_told_where_to_look() -> None:
    assert "tidegate dead-letters list --project default" in "\n".join(
        summary(1, Account(0, {}, {"oversize": 1})).lines()
    )
    assert "analytics.outcomes" in "\n".join(summary(1, Account(0, {"unsupported_item": 1}, {})).lines())


@pytest.mark.parametrize(("is_well", "status"), [(True, 0), (False, 1)])
def test_the_command_fails_where_the_demo_did_not_go_well(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, is_well: bool, status: int
) -> None:
    monkeypatch.setenv("TIDEGATE_HOME", str(tmp_path))
    monkeypatch.setattr(tidegate_infra.demo, "demo", lambda *_: is_well)
    assert CliRunner().invoke(app, ["demo", "--seconds", "1"]).exit_code == status


@pytest.mark.parametrize(
    ("environment", "seed"),
    [
        ({}, None),
        ({"CHAOS_SEED": "5"}, None),
        ({"CHAOS": "0", "CHAOS_SEED": "5"}, None),
        ({"CHAOS": "1", "CHAOS_SEED": "5"}, 5),
    ],
)
def test_chaos_is_asked_for_by_name_and_replayed_by_its_seed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, environment: dict[str, str], seed: int | None
) -> None:
    given: list[int | None] = []
    monkeypatch.setenv("TIDEGATE_HOME", str(tmp_path))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: Any) -> bool:
        given.append(arguments[-1])
        return True

    monkeypatch.setattr(tidegate_infra.demo, "demo", run)
    assert CliRunner().invoke(app, ["demo", "--seconds", "1"]).exit_code == 0
    assert given == [seed]
