"""At which of its regular ticks an agent flushes."""

from __future__ import annotations

#: Records that wait behind a partition's latest chunk, from which on it has a backlog: more than two fetches bring.
BACKLOG_RECORDS = 20_000
#: Ticks from one flush to the next while there is a backlog.
BACKLOG_TICKS = 5


class Pace:
    """Every tick, or every fifth while there is a backlog.

    A flush costs much the same whether a second's events are in it or five. Whoever has a backlog is late by more than
    its pause, so nobody sees a row later for it: the work that is saved brings the end of the backlog nearer.
    """

    def __init__(self) -> None:
        self._let_go_by = 0

    def due(self, behind: int) -> bool:
        """Whether to flush at this tick; `behind` is how many records wait behind the latest chunks."""
        if behind >= BACKLOG_RECORDS and self._let_go_by < BACKLOG_TICKS - 1:
            self._let_go_by += 1
            return False
        self._let_go_by = 0
        return True
