"""Who numbers events, and how far the numbers have come."""

from __future__ import annotations

import itertools

from tidegate.publish import new_producer_id


class Numbering:
    """One process's numbers, from 1 without gaps, over all kinds: every call takes one, whatever becomes of its event.

    So what was sent is the last number, and it is the sum of what was stored, dropped by reason, and lost.
    """

    def __init__(self) -> None:
        self.producer_id = new_producer_id()
        self._numbers = itertools.count(1)

    def take(self) -> int:
        """The next number. Safe across threads."""
        return next(self._numbers)
