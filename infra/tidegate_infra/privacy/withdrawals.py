"""Erasures that people asked for as they withdrew their consent: found in the log, and carried out as any other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tidegate_infra.privacy.rights.erase import Eraser
from tidegate_infra.privacy.rights.receipts import REQUESTED, Receipt, Receipts
from tidegate_stream.gate.decisions import SOURCE
from tidegate_stream.gate.erasures import KnownErasures

__all__ = ["asked_for", "carry_out"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def asked_for(known: KnownErasures, receipts: Receipts) -> list[Receipt]:
    """Receipts of those that are not erased yet, the earliest first. Blocks. Raises CompactedTableError."""
    known.refresh()
    waiting = []
    for erasure in known.tombstones.all():
        if erasure.source != SOURCE or erasure.positions:
            continue
        found = receipts.find(erasure.receipt_id)
        at = _EPOCH + timedelta(microseconds=erasure.requested_at)
        new = Receipt(erasure.receipt_id, erasure.project, REQUESTED, at, SOURCE, marks=tuple(sorted(erasure.marks)))
        waiting.append(found[0] if found else new)
    return [receipt for receipt in waiting if receipt.stage == REQUESTED]


def carry_out(known: KnownErasures, receipts: Receipts, eraser: Eraser, clock: Callable[[], datetime]) -> list[Receipt]:
    """Erase what withdrawals asked for; each has its receipt. Raises as `Eraser.erase`."""
    return [eraser.erase(receipt, clock) for receipt in asked_for(known, receipts)]
