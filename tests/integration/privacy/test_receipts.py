"""Receipts on the real engine: what they forget is in no row any more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from clickhouse_connect.driver.client import Client

from tidegate_infra.addresses import ClickHouseAddress
from tidegate_infra.privacy.rights.expiry import let_expire
from tidegate_infra.privacy.rights.receipts import EXPORT_ALLOWED, EXPORT_EXPIRED, EXPORT_WAITING, Receipt, Receipts
from tidegate_sinks.clickhouse import Address, connect

pytestmark = pytest.mark.clickhouse
NOW = datetime.now(UTC).replace(microsecond=0)
AGES = {"young": timedelta(days=7), "waiting": timedelta(days=8), "allowed": timedelta(days=200)}


@pytest.fixture
def client(tables: ClickHouseAddress) -> Iterator[Client]:
    client = connect(Address(tables.url, "writer", tables.writer_password))
    yield client
    client.close()


def rows_with_marks(client: Client) -> dict[str, int]:
    """Rows that are stored by the receipt's id, replaced ones included, and not those that a query shows."""
    said = "SELECT receipt_id, count() FROM tidegate.erasures WHERE project = 'expiring' AND notEmpty(marks) GROUP BY 1"
    return {str(row[0]): int(row[1]) for row in client.query(said).result_rows}


def test_an_export_that_expires_has_its_marks_in_no_stored_row(client: Client) -> None:
    receipts = Receipts(client)
    for name, age in AGES.items():
        stage = EXPORT_WAITING if name == "waiting" else EXPORT_ALLOWED
        receipts.write(Receipt(name, "expiring", stage, NOW - age, marks=(f"mark of {name}",)))
    assert rows_with_marks(client) == {"young": 1, "waiting": 1, "allowed": 1}  # the control
    assert {each.receipt_id for each in let_expire(receipts, NOW)} == {"waiting", "allowed"}
    stages = {each.receipt_id: each.stage for each in receipts.find(project="expiring")}
    assert stages == {"young": EXPORT_ALLOWED, "waiting": EXPORT_EXPIRED, "allowed": EXPORT_EXPIRED}
    assert rows_with_marks(client) == {"young": 1}
    assert let_expire(receipts, NOW) == []
    receipts.write(replace(receipts.find("young")[0], stage=EXPORT_EXPIRED, marks=()))
    assert rows_with_marks(client) == {}
