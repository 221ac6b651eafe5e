"""What didn't get out: counted by kind and reason, logged once for each reason, reported to the ledger."""

from __future__ import annotations

import itertools
import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from tidegate.errors import PublishError
from tidegate.publish import Publisher
from tidegate.settings import Clock
from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.reasons import Reason

log = logging.getLogger(__name__)

_Bucket = tuple[str, Reason, datetime]
_QUIET = frozenset([Reason.SAMPLED, Reason.CONSENT_DENIED])
"""Dropped because somebody wants it so: counted, but not worth a warning."""


class Drops:
    """One producer's drops. Thread-safe."""

    def __init__(self, producer_id: str, project: str, clock: Clock, counts: Counter[Reason] | None = None) -> None:
        self._producer_id, self._project, self._clock = producer_id, project, clock
        #: A handler of a signal may interrupt a count, and count itself.
        self._lock = threading.RLock()
        self._unreported: Counter[_Bucket] = Counter()
        self._reports = itertools.count(1)
        self.counts: Counter[Reason] = Counter() if counts is None else counts

    def count(self, kind: str, reason: Reason, why: object = "", quantity: int = 1) -> None:
        """These didn't get out."""
        minute = self._clock().replace(second=0, microsecond=0)
        with self._lock:
            first = reason not in self.counts
            self.counts[reason] += quantity
            self._unreported[kind, reason, minute] += quantity
        if first and reason not in _QUIET:
            log.warning("dropped an event, and will count further ones: %s: %s", reason.value, why)

    @property
    def unreported(self) -> bool:
        """Whether the ledger doesn't know of some."""
        return bool(self._unreported)

    def report(self, publisher: Publisher) -> None:
        """Tell the ledger what was dropped since the last report; what can't be told now is told with the next."""
        with self._lock:
            dropped, self._unreported = self._unreported, Counter()
        for bucket, quantity in dropped.items():
            settle = self._settle(bucket, quantity)
            try:
                publisher.publish_outcome(self._outcome(bucket, quantity), settle)
            except PublishError as error:
                settle(str(error))

    def _outcome(self, bucket: _Bucket, quantity: int) -> Mapping[str, Any]:
        kind, reason, minute = bucket
        return {
            "outcome_id": derived_event_id("outcome", self._producer_id, str(next(self._reports))),
            "project": self._project,
            "kind": kind,
            "producer_id": self._producer_id,
            "minute": minute,
            "outcome": "dropped",
            "reason": reason.value,
            "quantity": quantity,
            "reporter": "sdk",
        }

    def _settle(self, bucket: _Bucket, quantity: int) -> Callable[[str | None], None]:
        """What puts a count back that didn't arrive."""

        def settle(error: str | None) -> None:
            if error is not None:
                with self._lock:
                    self._unreported[bucket] += quantity

        return settle
