"""An erasure from asking to done. Every step may be done again, so that one that was cut short is taken up."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tidegate_infra.errors import RightsError, WorkerAwayError
from tidegate_infra.privacy.rights.receipts import LOGICALLY, REQUESTED, Receipt, Receipts
from tidegate_infra.privacy.rights.store import Store
from tidegate_infra.privacy.rights.stream import Stream
from tidegate_infra.privacy.rights.subject import with_what_is_linked
from tidegate_infra.privacy.rights.tables import AGGREGATES, EVENTS
from tidegate_stream.erasure import Erasure

__all__ = ["Eraser", "new_receipt"]

PASS_SECONDS = 120.0
"""So long may the worker take to come past an erasure."""
PARTS_SECONDS = 90.0
_ROUNDS = 3

Say = Callable[[str], None]


def new_receipt(project: str, marks: Iterable[str], now: datetime) -> Receipt:
    """The receipt of a request, not written yet."""
    return Receipt(str(uuid.uuid4()), project, REQUESTED, now, marks=tuple(sorted(marks)))


@dataclass(frozen=True)
class Eraser:
    """Where to erase. `retained` is how long Kafka's log keeps what it has; `pass_seconds` how long to wait for it."""

    store: Store
    stream: Stream
    receipts: Receipts
    retained: timedelta
    say: Say = lambda _: None
    pass_seconds: float = PASS_SECONDS
    parts_seconds: float = PARTS_SECONDS

    def erase(self, receipt: Receipt, clock: Callable[[], datetime]) -> Receipt:
        """Erase, and put each stage on record. Raises RightsError, UnavailableError, ClickHouseError."""
        receipt = self.receipts.write(replace(receipt, stage=REQUESTED))
        erasure = self._everywhere(receipt)
        positions = {f"{topic}/{partition}": at for (topic, partition), at in erasure.positions.items()}
        receipt = self.receipts.write(replace(receipt, marks=tuple(sorted(erasure.marks)), positions=positions))
        receipt = self._in_tables(receipt, erasure)
        if left := self.store.left(erasure):
            raise RightsError(f"rows came back while they were erased ({left}): run this again with --receipt")
        now = clock()
        receipt = replace(receipt, stage=LOGICALLY, logically_erased_at=now, expected_by=now + self.retained)
        receipt = self.receipts.write(replace(receipt, bytes_scanned=receipt.bytes_scanned + self.store.bytes_scanned))
        if not self.store.drop_old_parts(self.parts_seconds):
            self.say(
                "ClickHouse still holds old parts of tables on disk, as queries or merges read them: "
                "`tidegate privacy status` has it remove them"
            )
        return receipt

    def _everywhere(self, receipt: Receipt) -> Erasure:
        """The erasure past all gates and agents, with everything that is linked by then."""
        marks = frozenset(receipt.marks)
        for _ in range(_ROUNDS):
            found = with_what_is_linked(self.store, receipt.project, marks)
            erasure = replace(receipt, marks=tuple(found.marks), positions={}).erasure()
            self._tell(found.shared, found.left)
            # What is linked is on record before anything is erased: afterwards nothing would tell it.
            self.receipts.write(replace(receipt, marks=tuple(sorted(found.marks))))
            passed = self.stream.passed(erasure, self.stream.announce(erasure), self.pass_seconds)
            if passed is None:
                raise WorkerAwayError(
                    f"no worker came past the erasure within {self.pass_seconds:.0f} s. New events of the person are "
                    f"dropped from now on; for the rest start the worker, then run "
                    f"`tidegate privacy erase --receipt {receipt.receipt_id}`"
                )
            marks = found.marks
            if with_what_is_linked(self.store, receipt.project, marks).marks == marks:
                self.stream.keep(passed)
                return passed
        raise RightsError(
            f"the person's events come in on new devices faster than they can be found: run "
            f"`tidegate privacy erase --receipt {receipt.receipt_id}`"
        )

    def _tell(self, shared: int, left: int) -> None:
        if shared:
            self.say(f"{shared} of the devices were used by others too: what they did there goes as well")
        if left:
            self.say(f"{left} devices were used by many users: only what they did under this user goes")

    def _in_tables(self, receipt: Receipt, erasure: Erasure) -> Receipt:
        counts, events = dict(receipt.row_counts), receipt.erased_events
        found = self.store.left(erasure)
        for table, rows in found.items():
            counts[table] = counts.get(table, 0) + rows
        for kind, table in EVENTS.items():
            if table in found:
                events += self.stream.count(erasure, self.store.counts(erasure, kind))
                if kind == "span":
                    self.store.empty_exemplars(erasure)
                self.store.empty(erasure, kind)
        for table in AGGREGATES:
            if table in found:
                self.store.delete(erasure, table)
        return replace(receipt, row_counts=counts, erased_events=events)
