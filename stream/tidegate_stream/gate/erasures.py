"""The erasures that the log tells of, for gates and readers of one process."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import polars as pl

from tidegate_schemas.errors import DecodeError
from tidegate_schemas.registry import SchemaRegistry
from tidegate_schemas.topics import ERASURES, Kind
from tidegate_stream.erasure.erasure import Erasure, codec, erasure_of
from tidegate_stream.erasure.stubs import stubbed
from tidegate_stream.erasure.tombstones import Tombstones
from tidegate_stream.gate.compacted import CompactedTable, Entry
from tidegate_stream.gate.errors import CompactedTableError


class KnownErasures:
    """What the topic of erasures says, read again when asked to. Safe across threads."""

    def __init__(self, brokers: str | None, registry: SchemaRegistry | None = None) -> None:
        """Without brokers there are no erasures."""
        self._codec = codec(registry)
        self._table = CompactedTable(brokers, ERASURES, self._take) if brokers else None
        self._lock = threading.Lock()
        self._epoch = -1
        self.tombstones = Tombstones()

    def refresh(self) -> None:
        """Know all that was written before this call. Blocks. Raises CompactedTableError."""
        if self._table is not None:
            self._table.catch_up()

    def refresh_for(self, epoch: int) -> None:
        """Read what was added, if partitions have changed hands since: who reads again may read what was erased."""
        if epoch != self._epoch:
            with self._lock:
                if epoch != self._epoch:
                    self.refresh()
                    self._epoch = epoch

    def confirmed(self, notice: Erasure) -> Erasure | None:
        """What the topic says of an erasure that a notice tells of; None if it knows nothing of it, or of less.

        Blocks, as it is read now if it isn't known yet. Raises CompactedTableError.
        """
        found = self.tombstones.find(notice.receipt_id)
        if found is None or not found.marks >= notice.marks:
            self.refresh()
            found = self.tombstones.find(notice.receipt_id)
        return found if found is not None and found.marks >= notice.marks else None

    def read(self, events: pl.DataFrame, kind: Kind, topic: str, partition: int) -> pl.DataFrame:
        """Events of a clean topic as they are to be read now: those that were erased as stubs."""
        bound = self.tombstones.bound(topic, partition)
        if not bound or events.is_empty() or events["_offset"][0] >= bound:
            return events
        gone = self.tombstones.erased(events, topic, partition)
        return stubbed(events, kind, gone) if gone.any() else events

    def close(self) -> None:
        """Let go of the broker."""
        if self._table is not None:
            self._table.close()

    def _take(self, entries: Sequence[Entry]) -> None:
        try:
            told = [erasure_of(entry.value, self._codec) for entry in entries if entry.value is not None]
        except (DecodeError, ValueError) as error:
            raise CompactedTableError(ERASURES, f"a record is no erasure ({error})") from error
        self.tombstones.add(*told)
