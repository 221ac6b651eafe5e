"""What people decided, for all gates of a process."""

from __future__ import annotations

import threading

from tidegate_schemas.registry import SchemaRegistry
from tidegate_schemas.topics import CONSENTS
from tidegate_stream.gate.compacted import CompactedTable
from tidegate_stream.gate.consents import Consents


class KnownConsents:
    """The decisions in the topic of consents, current whenever it was asked to be. Safe across threads."""

    def __init__(self, brokers: str | None, registry: SchemaRegistry | None = None) -> None:
        """Without brokers there are no decisions."""
        self.consents = Consents(registry)
        self._brokers = brokers
        self._table: CompactedTable | None = None
        self._opening = threading.Lock()

    def refresh(self) -> None:
        """Know all decisions that any gate wrote before this call. Blocks. Raises CompactedTableError."""
        if self._brokers is None:
            return
        with self._opening:
            if self._table is None:  # in the thread that needs it first, not while the app is wired
                self._table = CompactedTable(self._brokers, CONSENTS, self.consents.take)
        self._table.catch_up()

    def close(self) -> None:
        """Let go of the broker."""
        if self._table is not None:
            self._table.close()
