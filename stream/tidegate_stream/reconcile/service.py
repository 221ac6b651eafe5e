"""The reconciler: every few minutes, in a thread of the worker, it holds closed windows against the archive.

It runs in the worker and not with the alerts, because only the worker knows what it needs: which partitions are its own
(so that several workers share the work and none is looked at twice), the broker whose commits say that all of the
archive is folded, and the password that writing its findings takes. It shares neither code nor state with what it
checks; ClickHouse does the work. While no worker runs nothing is folded either, and nothing is to be judged.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import astuple, dataclass, fields, replace
from datetime import UTC, datetime

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from tidegate_schemas.topics import Kind, clean_topic
from tidegate_stream.errors import CommitsUnknownError
from tidegate_stream.observability import RECONCILED_AT, RECONCILIATION
from tidegate_stream.reconcile.compare import Committed, differences, judge, sql
from tidegate_stream.reconcile.findings import CHECKS, DAY_MICROS, Difference, Judged, Scope, confirmed

log = logging.getLogger(__name__)

#: Each run looks so far behind what was closed at the run before: too-late events change windows from then, too.
MARGIN_MICROS = DAY_MICROS // 12


@dataclass(frozen=True)
class Round:
    """What one run did."""

    judged: Judged
    reported: Sequence[Difference]
    resolved: Sequence[Difference]


class Reconciler:
    """Compares, remembers what it found until the next run finds it too, and then reports it."""

    def __init__(
        self,
        client: Client,
        committed: Committed,
        own: Callable[[], Collection[tuple[str, int]]],
        scope: Scope,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        first_micros: int = DAY_MICROS,
    ) -> None:
        """`own` tells the clean topics' partitions to look at; begin and end of `scope` are chosen anew in each run.

        The first run looks `first_micros` back from the end of what is closed.
        """
        self._client, self._committed, self._own, self._scope, self._clock = client, committed, own, scope, clock
        self._found: list[Difference] = []
        self._first = first_micros
        self._marks: dict[tuple[Kind, int], int] = {}

    def run(self, stop: threading.Event, interval_seconds: float) -> None:
        """A round every so often, until stopped. Trouble with the services is logged: the next round tries again."""
        while not stop.wait(interval_seconds):
            try:
                self.round()
            except (ClickHouseError, CommitsUnknownError, OSError) as error:
                log.warning("no reconciliation this time: %s", (str(error).splitlines() or [""])[0][:300])

    def round(self) -> Round:
        """Compare once. Raises ClickHouseError, CommitsUnknownError."""
        judged = self._mine(judge(self._client, self._scope.generation, self._committed))
        if not judged.watermarks:
            return Round(judged, [], [])
        known = [each for each in open_differences(self._client) if self._is_judged(each, judged)]
        scope = self._next_scope(judged, known)
        found = differences(self._client, judged, scope)
        reported = confirmed([*self._found, *known], found)
        there = {each.identity for each in found}
        resolved = [each for each in known if each.identity not in there]
        write(self._client, reported, resolved, self._clock())
        self._found = found
        self._marks |= judged.watermarks
        self._tell(reported)
        return Round(judged, reported, resolved)

    def _mine(self, judged: Judged) -> Judged:
        own = set(self._own())
        mine = {place: mark for place, mark in judged.watermarks.items() if self._place(place) in own}
        return Judged(mine, [place for place in judged.waiting if place in own])

    def _place(self, judged: tuple[Kind, int]) -> tuple[str, int]:
        return clean_topic(judged[0], self._scope.generation), judged[1]

    def _is_judged(self, difference: Difference, judged: Judged) -> bool:
        place = difference.source_topic, difference.source_partition
        return place in map(self._place, judged.watermarks)

    def _next_scope(self, judged: Judged, known: Iterable[Difference]) -> Scope:
        """Windows closed since the last run and a margin before, and those with a difference that is still open."""
        # A partition at rest closes nothing; when it moves on, everything since its rest is looked at.
        since = [
            self._marks[place] - MARGIN_MICROS if place in self._marks else mark - self._first
            for place, mark in judged.watermarks.items()
            if self._marks.get(place) != mark
        ]
        latest = max(judged.watermarks.values())
        closed = min(since, default=latest - MARGIN_MICROS) - int(self._scope.lateness_seconds * 1e6)
        begins = [closed, *(_micros(each.window_start) for each in (*known, *self._found))]
        return replace(self._scope, begin=max(0, min(begins)), end=latest)

    def _tell(self, reported: Sequence[Difference]) -> None:
        for name in {check.aggregate for check in CHECKS}:
            RECONCILIATION.labels(name).set(sum(each.aggregate == name for each in reported))
        RECONCILED_AT.set(self._clock().timestamp())
        for each in reported:
            log.error(
                "%s of %s/%d hold %.6g %s from %s on, the archive %.6g: `tidegate reconcile` names the repair",
                each.aggregate,
                each.source_topic,
                each.source_partition,
                each.found,
                each.measure,
                each.window_start,
                each.expected,
            )


def open_differences(client: Client) -> list[Difference]:
    """What was reported and is not known to be gone. Raises ClickHouseError."""
    rows = client.query(sql("open")).named_results()
    return [Difference(**row) for row in rows]


def write(client: Client, reported: Iterable[Difference], resolved: Iterable[Difference], now: datetime) -> None:
    """Put differences, and the end of others, on record. Raises ClickHouseError."""
    version = int(now.timestamp() * 1e6)
    rows = [[*astuple(each), gone, now, version] for gone, all_ in enumerate((reported, resolved)) for each in all_]
    names = [field.name for field in fields(Difference)]
    if rows:
        client.insert("tidegate.reconciliation", rows, column_names=[*names, "resolved", "checked_at", "version"])


def _micros(time: datetime) -> int:
    return int(time.replace(tzinfo=time.tzinfo or UTC).timestamp() * 1e6)
