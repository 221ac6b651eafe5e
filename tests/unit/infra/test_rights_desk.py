"""Operators at the dashboard: one asks, another confirms where there is one, and no id is written down."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tidegate_infra.errors import RightsError, SettingsError
from tidegate_infra.operators import operators_of
from tidegate_infra.privacy.rights.desk import OperatorsDesk
from tidegate_infra.privacy.rights.office import ReceiptsOffice, Row
from tidegate_infra.privacy.rights.receipts import (
    EXPORT_ALLOWED,
    EXPORT_EXPIRED,
    EXPORT_WAITING,
    EXPORTED,
    REFUSED,
    REQUESTED,
    WAITING,
    Receipt,
)
from tidegate_infra.privacy.rights.run import goes_on
from tidegate_infra.settings import load

ADA, GRACE = "ada-token-0123456789", "grace-token-987654321"
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
PERSON = "person-4711"


class Memory:
    """Receipts in memory, the latest first."""

    def __init__(self) -> None:
        self.receipts: dict[str, Receipt] = {}

    def write(self, receipt: Receipt) -> Receipt:
        self.receipts[receipt.receipt_id] = receipt
        return receipt

    def find(self, receipt_id: str = "", project: str = "", limit: int = 50, stage: str = "") -> list[Receipt]:
        found = [each for each in self.receipts.values() if receipt_id in ("", each.receipt_id)]
        found = [each for each in found if stage in ("", each.stage)]
        return [each for each in found if project in ("", each.project)][:limit]


class Office:
    """A desk, what it wrote, and what it had erased."""

    def __init__(self, operators: str = f"ada:{ADA}, grace:{GRACE}") -> None:
        self.book, self.erased, self.now = Memory(), list[Receipt](), NOON
        self.rows: list[Row] = [("events_track", {"name": "Zoë", "at": NOON}), ("sessions", {"pages": 2})]
        office = ReceiptsOffice(
            self.book,
            lambda project, value: frozenset({f"mark-of-{project}-{len(value)}"}),
            self.erased.append,
            self._held,
            lambda: [],
            lambda: self.now,
        )
        self.desk = OperatorsDesk(operators_of(operators), office)

    def _held(self, project: str, marks: Iterable[str]) -> tuple[Iterator[Row], int]:
        assert list(marks) == [f"mark-of-{project}-{len(PERSON)}"]
        return iter(self.rows), 1

    def asked(self, *, export: bool = False) -> str:
        return self.desk.ask(ADA, "default", user_id=PERSON, export=export)

    def stage(self, receipt: str) -> str:
        return self.book.receipts[receipt].stage


@pytest.fixture
def office() -> Office:
    return Office()


def test_nothing_is_erased_until_another_operator_confirms(office: Office) -> None:
    receipt = office.asked()
    waiting = office.book.receipts[receipt]
    assert (waiting.stage, waiting.requested_by, waiting.asked_from) == (WAITING, "ada", "dashboard")
    assert PERSON not in repr(vars(waiting))
    with pytest.raises(RightsError, match="ada asked for it: another operator has to confirm"):
        office.desk.confirm(ADA, receipt)
    assert office.book.receipts[receipt] == waiting
    assert office.erased == []

    office.desk.confirm(GRACE, receipt)
    (erased,) = office.erased
    assert (erased.receipt_id, erased.stage, erased.confirmed_by) == (receipt, REQUESTED, "grace")
    with pytest.raises(RightsError, match="this receipt is requested"):
        office.desk.confirm(GRACE, receipt)


def test_a_refused_request_keeps_nothing_of_the_person_and_is_never_carried_out(office: Office) -> None:
    receipt = office.asked()
    office.desk.refuse(GRACE, receipt)
    refused = office.book.receipts[receipt]
    assert (refused.stage, refused.confirmed_by, refused.marks) == (REFUSED, "grace", ())
    with pytest.raises(RightsError, match="this receipt is refused"):
        office.desk.confirm(GRACE, receipt)
    with pytest.raises(RightsError, match="was refused by grace: ask anew"):
        goes_on(refused)
    assert office.erased == []


def test_the_command_line_does_not_go_on_with_what_waits_for_a_second_person(office: Office) -> None:
    waiting = office.book.receipts[office.asked()]
    with pytest.raises(RightsError, match="waits for a second operator"):
        goes_on(waiting)


@pytest.mark.parametrize("token", ["", "ada", ADA[:-1], f"{ADA}x", "ada-tökén"])
def test_who_has_no_token_can_do_nothing(office: Office, token: str) -> None:
    receipt = office.asked()
    with pytest.raises(RightsError, match="no operator has this token"):
        office.desk.ask(token, "default", user_id=PERSON)
    for act in (office.desk.confirm, office.desk.refuse):
        with pytest.raises(RightsError, match="no operator has this token"):
            act(token, receipt)
    assert list(office.book.receipts) == [receipt]


def test_a_request_names_one_person_and_a_decision_one_receipt(office: Office) -> None:
    for user, device in (("", ""), ("a", "b"), ("  ", "")):
        with pytest.raises(RightsError, match="name one person"):
            office.desk.ask(ADA, "default", user_id=user, anonymous_id=device)
    for receipt in ("", "nope"):
        with pytest.raises(RightsError, match="there is no such receipt"):
            office.desk.confirm(GRACE, receipt)


def test_a_copy_is_handed_out_once_to_who_asked_and_after_another_operator_allowed_it(office: Office) -> None:
    receipt = office.asked(export=True)
    assert office.stage(receipt) == EXPORT_WAITING
    with pytest.raises(RightsError, match="this receipt is export waiting"):
        office.desk.export(ADA, receipt)
    with pytest.raises(RightsError, match="another operator has to confirm"):
        office.desk.confirm(ADA, receipt)
    assert office.desk.confirm(GRACE, receipt) == "export"
    assert office.erased == []
    with pytest.raises(RightsError, match="ada asked for it, and fetches it"):
        office.desk.export(GRACE, receipt)

    handout = office.desk.export(ADA, receipt)
    assert "1 of the devices were used by others too" in handout.said
    rows = [json.loads(each) for each in handout.chunks]
    assert office.stage(receipt) == EXPORT_ALLOWED  # one that breaks off may be fetched again
    handout.taken()
    assert rows[0] == {"table": "events_track", "row": {"name": "Zoë", "at": NOON.isoformat()}}
    done = office.book.receipts[receipt]
    assert (done.stage, done.requested_by, done.confirmed_by, done.marks) == (EXPORTED, "ada", "grace", ())
    assert done.row_counts == {"events_track": 1, "sessions": 1}
    with pytest.raises(RightsError, match="this receipt is exported"):
        office.desk.export(ADA, receipt)
    with pytest.raises(RightsError, match="is of an export: it erases nothing"):
        goes_on(done)


@pytest.mark.parametrize("decided", [True, False])
def test_a_copy_that_nobody_fetched_for_a_week_is_asked_for_anew_and_forgets_its_person(
    office: Office, *, decided: bool
) -> None:
    receipt = office.asked(export=True)
    office.now = NOON + timedelta(days=6)
    if decided:
        office.desk.confirm(GRACE, receipt)
    office.now = NOON + timedelta(days=7)
    office.desk.settle(ADA)
    assert office.book.receipts[receipt].marks != ()
    office.now += timedelta(seconds=1)  # counted from when it was asked for, whenever it was confirmed
    anew = "this copy was asked for more than 7 days ago: ask anew"
    with pytest.raises(RightsError, match=anew):
        office.desk.export(ADA, receipt) if decided else office.desk.confirm(GRACE, receipt)
    assert (office.stage(receipt), office.book.receipts[receipt].marks) == (EXPORT_EXPIRED, ())
    for act in (office.desk.confirm, office.desk.refuse, office.desk.export):
        with pytest.raises(RightsError, match=anew):
            act(GRACE, receipt)
    with pytest.raises(RightsError, match="erases nothing"):
        goes_on(office.book.receipts[receipt])


@pytest.mark.parametrize("act", ["ask", "settle", "refuse another"])
def test_whatever_operators_do_copies_of_others_that_are_too_old_are_forgotten(office: Office, act: str) -> None:
    old, erasure = office.asked(export=True), office.asked()
    office.now = NOON + timedelta(days=7, seconds=1)
    match act:
        case "ask":
            office.asked(export=True)
        case "settle":
            office.desk.settle(ADA)
        case _:
            office.desk.refuse(ADA, erasure)
    assert (office.stage(old), office.book.receipts[old].marks) == (EXPORT_EXPIRED, ())


def test_an_erasure_that_waits_does_not_expire(office: Office) -> None:
    receipt = office.asked()
    office.now = NOON + timedelta(days=30)
    assert office.desk.confirm(GRACE, receipt) == "erasure"
    assert [each.receipt_id for each in office.erased] == [receipt]


def test_of_whom_nothing_is_held_there_is_no_copy_but_a_receipt(office: Office) -> None:
    receipt = office.asked(export=True)
    office.desk.confirm(GRACE, receipt)
    office.rows = []
    with pytest.raises(RightsError, match="nothing is held on this person"):
        office.desk.export(ADA, receipt)
    assert (office.stage(receipt), office.book.receipts[receipt].marks) == (EXPORTED, ())


def test_an_erasure_of_a_refused_or_allowed_copy_never_runs(office: Office) -> None:
    refused, allowed = office.asked(export=True), office.asked(export=True)
    office.desk.refuse(ADA, refused)
    office.desk.confirm(GRACE, allowed)
    assert (office.stage(refused), office.book.receipts[refused].marks) == (REFUSED, ())
    for stage in (EXPORT_WAITING, EXPORT_ALLOWED, EXPORTED, EXPORT_EXPIRED):
        with pytest.raises(RightsError, match="erases nothing"):
            goes_on(replace(office.book.receipts[allowed], stage=stage))
    assert office.erased == []


def test_one_operator_alone_decides_alone() -> None:
    office = Office(f"ada:{ADA}")
    assert not office.desk.confirms
    erasure, copy = office.asked(), office.asked(export=True)
    assert [(each.receipt_id, each.stage, each.requested_by) for each in office.erased] == [(erasure, REQUESTED, "ada")]
    assert len(list(office.desk.export(ADA, copy).chunks)) == len(office.rows)


def test_a_dashboard_with_operators_loads_nothing_that_reads_keys_until_somebody_asks() -> None:
    heavy = "sorted({'polars', 'pyarrow', 'numpy', 'clickhouse_connect', 'confluent_kafka'} & set(sys.modules))"
    idle = "import sys, tidegate_dashboards.app, tidegate_infra.services\n"
    idle += "import tidegate_infra.privacy.rights.apart, tidegate_infra.privacy.rights.desk\n"
    for code, loaded in (("", "[]"), ("import tidegate_infra.privacy.rights.child\n", "polars")):
        seen = subprocess.run([sys.executable, "-c", f"{idle}{code}print({heavy})"], capture_output=True, check=True)
        assert loaded in seen.stdout.decode()


@pytest.mark.parametrize(
    "text",
    [
        " , ",
        f"ada:{ADA},grace:short",
        f"ada:{ADA},ada:{GRACE}",
        f"ada:{ADA},grace:{ADA}",
        f":{ADA},g:{GRACE}",
        "ada",
        ADA,
        f"{ADA}:ada",
    ],
)
def test_operators_that_could_not_be_told_apart_are_refused_without_their_tokens(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEGATE_OPERATORS", text)
    with pytest.raises(SettingsError, match="each operator with a name and a token of their own") as refused:
        load(tmp_path)
    assert ADA not in str(refused.value)
    assert "short" not in str(refused.value).replace("operators", "")


def test_a_token_is_the_same_with_spaces_about_it() -> None:
    assert operators_of(f" ada : {ADA} ") == {"ada": ADA}
