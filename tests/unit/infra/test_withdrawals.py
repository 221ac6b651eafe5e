"""Carrying out erasures that withdrawals asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

from tidegate_infra.errors import RightsError, WorkerAwayError
from tidegate_infra.privacy.rights.receipts import LOGICALLY, REQUESTED, Receipt
from tidegate_infra.privacy.withdrawals import carry_out

WAITING = [Receipt(name, "default", REQUESTED, datetime(2026, 11, 27, tzinfo=UTC), "consent") for name in "abc"]


def erase_failing_at(name: str, error: RightsError | ClickHouseError) -> tuple[list[str], RightsError]:
    """Which are done where one fails, and what is said in the end."""
    done: list[str] = []

    def erase(receipt: Receipt) -> Receipt:
        if receipt.receipt_id == name:
            raise error
        return replace(receipt, stage=LOGICALLY)

    with pytest.raises(RightsError) as failed:
        done.extend(receipt.receipt_id for receipt in carry_out(WAITING, erase))
    return done, failed.value


def test_one_that_fails_keeps_no_other_waiting_and_is_told_in_the_end() -> None:
    done, said = erase_failing_at("a", RightsError("rows came back"))
    assert done == ["b", "c"]
    assert str(said) == "erasures that are not done: 1, the first as rows came back"


def test_one_that_clickhouse_fails_keeps_no_other_waiting_either() -> None:
    done, said = erase_failing_at("a", DatabaseError("Code: 241. Memory limit exceeded\nSELECT 1"))
    assert done == ["b", "c"]
    told = "erasures that are not done: 1, the first as ClickHouse said: Code: 241. Memory limit exceeded"
    assert str(said) == told


def test_without_a_worker_the_others_are_not_waited_for() -> None:
    done, said = erase_failing_at("b", WorkerAwayError("no worker came past the erasure"))
    assert done == ["a"]
    assert str(said) == "no worker came past the erasure"
