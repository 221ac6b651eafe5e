"""What becomes of operators' decisions: receipts, and the erasures and exports that follow. Marks name people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Any, Literal

from tidegate_dashboards.rights import Handout
from tidegate_infra.errors import RightsError
from tidegate_infra.privacy.rights.desk import Asked
from tidegate_infra.privacy.rights.erase import new_receipt
from tidegate_infra.privacy.rights.expiry import ALLOWED_FOR, Book, let_expire
from tidegate_infra.privacy.rights.lines import line
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

__all__ = ["ReceiptsOffice"]

Row = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True)
class ReceiptsOffice:
    """See `Office`. `begin` starts an erasure; `held` finds a person's rows, and how many devices others used too."""

    book: Book
    marks: Callable[[str, str], frozenset[str]]
    begin: Callable[[Receipt], object]
    held: Callable[[str, Iterable[str]], tuple[Iterator[Row], int]]
    settled: Callable[[], list[Receipt]]
    clock: Callable[[], datetime]

    def ask(self, asked: Asked) -> str:
        """See `Office.ask`. Raises RightsError, ClickHouseError."""
        let_expire(self.book, self.clock())
        stages = (EXPORT_WAITING, EXPORT_ALLOWED) if asked.export else (WAITING, REQUESTED)
        receipt = new_receipt(asked.project, self.marks(asked.project, asked.value), self.clock())
        receipt = replace(receipt, stage=stages[asked.alone], asked_from="dashboard", requested_by=asked.operator)
        self.book.write(receipt)
        if asked.alone and not asked.export:
            self.begin(receipt)
        return receipt.receipt_id

    def confirm(self, operator: str, receipt_id: str) -> Literal["erasure", "export"]:
        """See `Office.confirm`. Raises RightsError, ClickHouseError."""
        receipt = self._waiting(receipt_id)
        if operator == receipt.requested_by:
            raise RightsError(f"{operator} asked for it: another operator has to confirm")
        if receipt.stage == EXPORT_WAITING:
            self.book.write(replace(receipt, stage=EXPORT_ALLOWED, confirmed_by=operator))
            return "export"
        self.begin(self.book.write(replace(receipt, stage=REQUESTED, confirmed_by=operator)))
        return "erasure"

    def refuse(self, operator: str, receipt_id: str) -> None:
        """See `Office.refuse`. Raises RightsError, ClickHouseError."""
        # Nothing is to be known of a person for whom nothing is done.
        self.book.write(replace(self._waiting(receipt_id), stage=REFUSED, confirmed_by=operator, marks=()))

    def settle(self) -> str:
        """See `Office.settle`. Raises ClickHouseError."""
        let_expire(self.book, self.clock())
        gone = self.settled()
        return f"The last copies of {len(gone)} more have gone." if gone else "No more last copies have gone yet."

    def export(self, operator: str, receipt_id: str) -> Handout:
        """See `Office.export`. Once all was taken, its receipt says so. Raises RightsError."""
        receipt = self._one(receipt_id)
        if receipt.stage != EXPORT_ALLOWED:
            raise RightsError(f"nothing is to be handed out: this receipt is {receipt.stage}")
        if operator != receipt.requested_by:
            raise RightsError(f"{receipt.requested_by} asked for it, and fetches it")
        rows, shared = self.held(receipt.project, receipt.marks)
        first = next(rows, None)
        if first is None:
            self.book.write(replace(receipt, stage=EXPORTED, marks=()))
            raise RightsError(f"nothing is held on this person in project {receipt.project}")
        said = "This is personal data." + (
            f" {shared} of the devices were used by others too: look before you hand the file out." if shared else ""
        )
        written: Counter[str] = Counter()

        def taken() -> None:
            self.book.write(replace(receipt, stage=EXPORTED, marks=(), row_counts=dict(written)))

        lines = _lines(chain([first], rows), written)
        return Handout(f"tidegate-export-{receipt.receipt_id}.jsonl", said, lines, taken)

    def _waiting(self, receipt_id: str) -> Receipt:
        found = self._one(receipt_id)
        if found.stage not in (WAITING, EXPORT_WAITING):
            raise RightsError(f"nothing is to be decided: this receipt is {found.stage}")
        return found

    def _one(self, receipt_id: str) -> Receipt:
        let_expire(self.book, self.clock())
        found = self.book.find(receipt_id) if receipt_id else []
        if not found:
            raise RightsError("there is no such receipt: copy one from the table")
        if found[0].stage == EXPORT_EXPIRED:
            raise RightsError(f"this copy was asked for more than {ALLOWED_FOR.days} days ago: ask anew")
        return found[0]


def _lines(rows: Iterable[Row], written: Counter[str]) -> Iterator[bytes]:
    for table, row in rows:
        written[table] += 1
        yield line(table, row)
