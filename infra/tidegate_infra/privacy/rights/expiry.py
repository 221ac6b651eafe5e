"""Exports that nobody decided or fetched in time: their receipts forget whom they were about. Pure but for the book."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from tidegate_infra.privacy.rights.receipts import EXPORT_ALLOWED, EXPORT_EXPIRED, EXPORT_WAITING, Receipt

__all__ = ["ALLOWED_FOR", "Book", "let_expire"]

ALLOWED_FOR = timedelta(days=7)
"""So long after it was asked for may an export be confirmed and fetched; then it has to be asked for anew."""
_MOST = 100_000


class Book(Protocol):
    """Where receipts are."""

    def write(self, receipt: Receipt) -> Receipt:
        """Put a receipt on record as it is now."""

    def find(self, receipt_id: str = "", project: str = "", limit: int = 50, stage: str = "") -> list[Receipt]:
        """Receipts, the latest first."""


def let_expire(book: Book, now: datetime) -> list[Receipt]:
    """Take the marks from exports that were asked for too long ago, and say so by their stage; which they were."""
    return [
        book.write(replace(receipt, stage=EXPORT_EXPIRED, marks=()))
        for stage in (EXPORT_WAITING, EXPORT_ALLOWED)
        for receipt in book.find(stage=stage, limit=_MOST)
        if now - receipt.requested_at > ALLOWED_FOR
    ]
