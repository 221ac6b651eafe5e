"""Two operators for an erasure: one asks, another confirms, and no id is written down."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tidegate_infra.errors import RightsError, SettingsError
from tidegate_infra.operators import operators_of
from tidegate_infra.privacy.rights.desk import OperatorsDesk
from tidegate_infra.privacy.rights.receipts import REFUSED, REQUESTED, WAITING, Receipt
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

    def find(self, receipt_id: str = "", project: str = "", limit: int = 50) -> list[Receipt]:
        found = [each for each in self.receipts.values() if receipt_id in ("", each.receipt_id)]
        return [each for each in found if project in ("", each.project)][:limit]


class Office:
    """A desk, what it wrote, and what it had erased."""

    def __init__(self) -> None:
        self.book, self.erased, self._done = Memory(), list[Receipt](), threading.Event()
        self.desk = OperatorsDesk(
            operators_of(f"ada:{ADA}, grace:{GRACE}"),
            lambda: self.book,
            lambda project, value: frozenset({f"mark-of-{project}-{len(value)}"}),
            self._erase,
            lambda: NOON,
            threading.Lock(),
        )

    def _erase(self, receipt: Receipt) -> None:
        self.erased.append(receipt)
        self._done.set()

    def asked(self) -> str:
        return self.desk.ask(ADA, "default", user_id=PERSON)

    def wait(self) -> None:
        assert self._done.wait(10)


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
    office.wait()
    (erased,) = office.erased
    assert (erased.receipt_id, erased.stage, erased.confirmed_by) == (receipt, REQUESTED, "grace")
    with pytest.raises(RightsError, match="this erasure is requested"):
        office.desk.confirm(GRACE, receipt)


def test_a_refused_request_keeps_nothing_of_the_person_and_is_never_carried_out(office: Office) -> None:
    receipt = office.asked()
    office.desk.refuse(GRACE, receipt)
    refused = office.book.receipts[receipt]
    assert (refused.stage, refused.confirmed_by, refused.marks) == (REFUSED, "grace", ())
    with pytest.raises(RightsError, match="this erasure is refused"):
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
    for ids in ({}, {"user_id": "a", "anonymous_id": "b"}, {"user_id": "  "}):
        with pytest.raises(RightsError, match="name one person"):
            office.desk.ask(ADA, "default", **ids)
    for receipt in ("", "nope"):
        with pytest.raises(RightsError, match="there is no such receipt"):
            office.desk.confirm(GRACE, receipt)


@pytest.mark.parametrize(
    "text",
    [
        f"ada:{ADA}",
        f"ada:{ADA},grace:short",
        f"ada:{ADA},ada:{GRACE}",
        f"ada:{ADA},grace:{ADA}",
        f":{ADA},g:{GRACE}",
        "ada",
    ],
)
def test_operators_that_could_not_be_two_persons_are_refused_without_their_tokens(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEGATE_OPERATORS", text)
    with pytest.raises(SettingsError, match="2 operators or more") as refused:
        load(tmp_path)
    assert ADA not in str(refused.value)
    assert "short" not in str(refused.value).replace("operators", "")
