"""Receipts: what became of each erasure and export. They name nobody."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from tidegate_stream.erasure import Erasure

__all__ = [
    "EXPORTED",
    "EXPORTS",
    "EXPORT_ALLOWED",
    "EXPORT_EXPIRED",
    "EXPORT_WAITING",
    "LOGICALLY",
    "PHYSICALLY",
    "REFUSED",
    "REQUESTED",
    "WAITING",
    "Receipt",
    "Receipts",
]

WAITING, REFUSED, REQUESTED = "waiting", "refused", "requested"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LOGICALLY, PHYSICALLY = "logically erased", "physically erased"
EXPORT_WAITING, EXPORT_ALLOWED, EXPORTED = "export waiting", "export allowed", "exported"
EXPORT_EXPIRED = "export expired"
EXPORTS = frozenset({EXPORT_WAITING, EXPORT_ALLOWED, EXPORTED, EXPORT_EXPIRED})
"""Stages of a request for a copy, which erases nothing; its `row_counts` are what was handed out."""


@dataclass(frozen=True)
class Receipt:
    """One erasure, or one export. Times are of UTC; the columns' comments in the migration say what each field is."""

    receipt_id: str
    project: str
    stage: str
    requested_at: datetime
    asked_from: str = "command"
    requested_by: str = ""
    confirmed_by: str = ""
    logically_erased_at: datetime | None = None
    physically_erased_at: datetime | None = None
    expected_by: datetime | None = None
    erased_events: int = 0
    row_counts: Mapping[str, int] = field(default_factory=dict)
    bytes_scanned: int = 0
    positions: Mapping[str, int] = field(default_factory=dict, repr=False)
    marks: tuple[str, ...] = field(default=(), repr=False)

    def erasure(self) -> Erasure:
        """What is erased by it, as the log tells it."""
        positions: dict[tuple[str, int], int] = {}
        for place, at in self.positions.items():
            topic, partition = place.rsplit("/", 1)
            positions[topic, int(partition)] = at
        return Erasure(
            self.receipt_id,
            self.project,
            frozenset(self.marks),
            (self.requested_at - _EPOCH) // timedelta(microseconds=1),
            self.asked_from,
            positions,
        )


class Receipts:
    """The table of receipts. Raises ClickHouseError."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def write(self, receipt: Receipt) -> Receipt:
        """Put a receipt on record as it is now; returns it with what another process has counted meanwhile.

        Two may carry out one erasure at once. What goes is counted by whoever was first, and so not by the other.
        """
        forgets = False
        for known in self.find(receipt.receipt_id):
            receipt = _with_counts_of(receipt, known)
            forgets = bool(known.marks) and not receipt.marks
        row = {**asdict(receipt), "marks": list(receipt.marks), "version": time.time_ns() // 1000}
        self._client.insert("tidegate.erasures", [list(row.values())], column_names=list(row))
        if forgets:
            self._drop_replaced()
        return receipt

    def find(self, receipt_id: str = "", project: str = "", limit: int = 50, stage: str = "") -> list[Receipt]:
        """Receipts, the latest first."""
        text = _statement("receipts")
        parameters = {"receipt": receipt_id, "project": project, "stage": stage, "limit": limit}
        return [_receipt(row) for row in self._client.query(text, parameters=parameters).named_results()]

    def _drop_replaced(self) -> None:
        """Let no earlier row keep the marks until some merge. One that can't be made now is made by itself later."""
        with suppress(ClickHouseError):
            self._client.command(_statement("merge_receipts"))


def _statement(name: str) -> str:
    return files("tidegate_infra.privacy.rights").joinpath("queries", f"{name}.sql").read_text(encoding="utf-8")


def _with_counts_of(receipt: Receipt, other: Receipt) -> Receipt:
    """Counts only grow, so the higher one is what is known by now."""
    tables = {*receipt.row_counts, *other.row_counts}
    return replace(
        receipt,
        erased_events=max(receipt.erased_events, other.erased_events),
        row_counts={name: max(receipt.row_counts.get(name, 0), other.row_counts.get(name, 0)) for name in tables},
        bytes_scanned=max(receipt.bytes_scanned, other.bytes_scanned),
    )


def _receipt(row: Mapping[str, Any]) -> Receipt:
    known = {each.name: row[each.name] for each in fields(Receipt)}
    for name, value in known.items():
        if isinstance(value, datetime):
            known[name] = value.replace(tzinfo=value.tzinfo or UTC)
    return Receipt(**{**known, "marks": tuple(known["marks"])})
