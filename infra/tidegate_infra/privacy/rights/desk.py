"""Two operators for an erasure: one asks, another confirms. Whose it is, is known by marks from the first moment."""

from __future__ import annotations

import hmac
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from tidegate_infra.errors import RightsError
from tidegate_infra.privacy.rights.erase import new_receipt
from tidegate_infra.privacy.rights.receipts import REFUSED, REQUESTED, WAITING, Receipt

__all__ = ["Book", "OperatorsDesk"]

log = logging.getLogger(__name__)


class Book(Protocol):
    """Where receipts are."""

    def write(self, receipt: Receipt) -> Receipt:
        """Put a receipt on record as it is now."""

    def find(self, receipt_id: str = "", project: str = "", limit: int = 50) -> list[Receipt]:
        """Receipts, the latest first."""


@dataclass(frozen=True)
class OperatorsDesk:
    """What `tidegate_dashboards.rights.Desk` asks for. `erase` runs on a thread of its own, and may raise."""

    operators: Mapping[str, str]
    book: Callable[[], Book]
    marks: Callable[[str, str], frozenset[str]]
    erase: Callable[[Receipt], object]
    clock: Callable[[], datetime]
    lock: threading.Lock

    def ask(self, token: str, project: str, *, user_id: str = "", anonymous_id: str = "") -> str:
        """See `Desk.ask`. Raises RightsError, ClickHouseError."""
        name, given = self._operator(token), [each.strip() for each in (user_id, anonymous_id) if each.strip()]
        if len(given) != 1:
            raise RightsError("name one person, by the id of a user or of a device")
        receipt = new_receipt(project, self.marks(project, given[0]), self.clock())
        self.book().write(replace(receipt, stage=WAITING, asked_from="dashboard", requested_by=name))
        return receipt.receipt_id

    def confirm(self, token: str, receipt_id: str) -> None:
        """See `Desk.confirm`. Raises RightsError, ClickHouseError."""
        name = self._operator(token)
        with self.lock:
            receipt = self._waiting(receipt_id)
            if name == receipt.requested_by:
                raise RightsError(f"{name} asked for it: another operator has to confirm")
            receipt = self.book().write(replace(receipt, stage=REQUESTED, confirmed_by=name))
        threading.Thread(target=self._run, args=(receipt,), name="erasure", daemon=True).start()

    def refuse(self, token: str, receipt_id: str) -> None:
        """See `Desk.refuse`. Raises RightsError, ClickHouseError."""
        name = self._operator(token)
        with self.lock:
            # Nothing is to be known of a person for whom nothing is done.
            self.book().write(replace(self._waiting(receipt_id), stage=REFUSED, confirmed_by=name, marks=()))

    def _operator(self, token: str) -> str:
        given = token.strip().encode()
        names = [name for name, known in self.operators.items() if hmac.compare_digest(known.encode(), given)]
        if not names:
            raise RightsError("no operator has this token: TIDEGATE_OPERATORS says who has which")
        return names[0]

    def _waiting(self, receipt_id: str) -> Receipt:
        found = self.book().find(receipt_id) if receipt_id else []
        if not found:
            raise RightsError("there is no such receipt: copy one from the table")
        if found[0].stage != WAITING:
            raise RightsError(f"nothing is to be decided: this erasure is {found[0].stage}")
        return found[0]

    def _run(self, receipt: Receipt) -> None:
        try:
            self.erase(receipt)
        except Exception:
            log.exception(
                "the erasure %s stopped: go on with `tidegate privacy erase --receipt %s`",
                receipt.receipt_id,
                receipt.receipt_id,
            )
