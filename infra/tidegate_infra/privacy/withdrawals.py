"""Erasures that people asked for as they withdrew their consent: found in the log, and carried out as any other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.exceptions import ClickHouseError

from tidegate_infra.errors import RightsError, WorkerAwayError
from tidegate_infra.privacy.rights.receipts import REQUESTED, Receipt, Receipts
from tidegate_stream.gate.decisions import SOURCE
from tidegate_stream.gate.erasures import KnownErasures

__all__ = ["asked_for", "carry_out"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST = 100_000


def asked_for(known: KnownErasures, receipts: Receipts) -> list[Receipt]:
    """Receipts of those that are not erased yet, the earliest first. Blocks. Raises CompactedTableError."""
    known.refresh()
    begun = {receipt.receipt_id: receipt for receipt in receipts.find(stage=REQUESTED, limit=_MOST)}
    waiting = []
    for erasure in known.tombstones.all():
        if erasure.source != SOURCE:
            continue
        if found := begun.get(erasure.receipt_id):  # also where it was cut short after the log had it
            waiting.append(found)
        elif not (erasure.positions or receipts.find(erasure.receipt_id)):
            at = _EPOCH + timedelta(microseconds=erasure.requested_at)
            marks = tuple(sorted(erasure.marks))
            waiting.append(Receipt(erasure.receipt_id, erasure.project, REQUESTED, at, SOURCE, marks=marks))
    return waiting


def carry_out(waiting: Iterable[Receipt], erase: Callable[[Receipt], Receipt]) -> Iterator[Receipt]:
    """Erase what withdrawals asked for, each receipt as it is done; one that fails keeps no other waiting.

    Raises RightsError once all others are done; at once, as `erase` does, where no worker or no Kafka lets any be done.
    """
    failed: list[RightsError | ClickHouseError] = []
    for receipt in waiting:
        try:
            done = erase(receipt)
        except WorkerAwayError:
            raise
        except (RightsError, ClickHouseError) as error:
            failed.append(error)
        else:
            yield done
    if failed:
        raise RightsError(f"erasures that are not done: {len(failed)}, the first as {_said(failed[0])}") from failed[0]


def _said(error: RightsError | ClickHouseError) -> str:
    if isinstance(error, RightsError):
        return str(error)
    return f"ClickHouse said: {str(error).splitlines()[0][:150]}"  # what follows is a stack
