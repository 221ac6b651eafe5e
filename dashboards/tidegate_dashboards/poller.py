"""One poller for all sessions: it asks ClickHouse only while somebody watches, and each question once a round.

A view (project and time range) that ten browsers look at costs what one costs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tidegate_dashboards.catalogue import Query
from tidegate_dashboards.clock import Clock
from tidegate_dashboards.errors import ClickHouseAwayError, DashboardError, NotMigratedError, QueryError
from tidegate_dashboards.metrics import DashboardMetrics
from tidegate_dashboards.ranges import Span, TimeRange
from tidegate_dashboards.reader import Reader, Rows

__all__ = ["Poller", "Snapshot", "Trouble", "View", "pause_seconds"]

log = logging.getLogger(__name__)

BUSY_SHARE = 0.3
"""The poller keeps ClickHouse busy at most this share of the time, however slow the queries are."""
LONGEST_PAUSE_SECONDS = 15.0
PARALLEL_QUERIES = 2


@dataclass(frozen=True)
class View:
    """What a session looks at."""

    project: str
    range: TimeRange
    queries: tuple[str, ...]
    """Names of the queries that its page shows."""


@dataclass(frozen=True)
class Trouble:
    """Why there are no fresh numbers."""

    kind: str
    """`away`: ClickHouse can't be reached; `empty`: it has no Tidegate tables; `query`: a query failed."""
    message: str
    since: datetime


@dataclass(frozen=True)
class Snapshot:
    """Answers to a view's queries at one moment. A query that failed is missing from `results`."""

    view: View
    at: datetime
    span: Span
    results: Mapping[str, Rows] = field(default_factory=dict)
    trouble: Trouble | None = None


Listener = Callable[[Snapshot], None]


def pause_seconds(refresh_seconds: float, took_seconds: float) -> float:
    """Pause after a round that took so long: at least the refresh time, longer for slow rounds, 15 s at most."""
    return max(refresh_seconds, min(took_seconds * (1 - BUSY_SHARE) / BUSY_SHARE, LONGEST_PAUSE_SECONDS))


class Poller:
    """Runs rounds of queries while it has listeners. Everything happens on one event loop."""

    def __init__(
        self,
        reader: Reader,
        queries: Mapping[str, Query],
        clock: Clock,
        refresh_seconds: float,
        metrics: DashboardMetrics,
    ) -> None:
        self._reader = reader
        self._queries = queries
        self._clock = clock
        self._refresh_seconds = refresh_seconds
        self._metrics = metrics
        self._listeners: dict[Listener, View] = {}
        self._wake = asyncio.Event()
        self._gate = asyncio.Semaphore(PARALLEL_QUERIES)
        self._trouble: Trouble | None = None
        self.last: dict[View, Snapshot] = {}
        """Latest snapshot of each watched view."""

    def watch(self, listener: Listener, view: View) -> None:
        """Calls `listener` with each snapshot of the view, from the next round on (at once if it is known already)."""
        self._listeners[listener] = view
        self._metrics.watchers.set(len(self._listeners))
        if (known := self.last.get(view)) is not None:
            listener(known)
        self._wake.set()

    def unwatch(self, listener: Listener) -> None:
        """Ends the calls. Nothing happens if the listener isn't known."""
        self._listeners.pop(listener, None)
        self._metrics.watchers.set(len(self._listeners))
        watched = set(self._listeners.values())
        self.last = {view: snapshot for view, snapshot in self.last.items() if view in watched}

    async def run(self) -> None:
        """Polls until cancelled."""
        while True:
            if not self._listeners:
                self._wake.clear()
                await self._wake.wait()
            started = self._clock.monotonic()
            await self.round()
            took = self._clock.monotonic() - started
            self._metrics.poll_seconds.observe(took)
            await self._rest(pause_seconds(self._refresh_seconds, took))

    async def round(self) -> None:
        """Polls every watched view once and tells its listeners."""
        self._wake.clear()
        for view in dict.fromkeys(self._listeners.values()):
            snapshot = await self._poll(view)
            self._trouble = snapshot.trouble
            if view in self._listeners.values():
                self.last[view] = snapshot
            for listener, watched in list(self._listeners.items()):
                if watched == view:
                    self._tell(listener, snapshot)

    async def _poll(self, view: View) -> Snapshot:
        now = self._clock.now()
        span = view.range.span(now)
        values = {"project": view.project, **span.parameters()}
        answers = await asyncio.gather(
            *(self._ask(self._queries[name], values) for name in view.queries), return_exceptions=True
        )
        results: dict[str, Rows] = {}
        trouble: Trouble | None = None
        for name, answer in zip(view.queries, answers, strict=True):
            if isinstance(answer, Rows):
                results[name] = answer
            elif isinstance(answer, ClickHouseAwayError | QueryError):
                trouble = trouble or self._trouble_of(answer, now)
            elif isinstance(answer, BaseException):
                raise answer
        return Snapshot(view, now, span, results, trouble)

    async def _ask(self, query: Query, values: Mapping[str, str]) -> Rows:
        async with self._gate:
            return await self._reader.rows(query, values)

    def _trouble_of(self, error: DashboardError, now: datetime) -> Trouble:
        kind = {ClickHouseAwayError: "away", NotMigratedError: "empty"}.get(type(error), "query")
        self._metrics.failures.labels(kind).inc()
        if self._trouble is not None and self._trouble.kind == kind:
            return Trouble(kind, str(error), self._trouble.since)
        log.warning("%s", error)
        return Trouble(kind, str(error), now)

    def _tell(self, listener: Listener, snapshot: Snapshot) -> None:
        try:
            listener(snapshot)
        except Exception:  # one broken page must not end the poller of all the others
            log.exception("a page could not show its numbers")

    async def _rest(self, seconds: float) -> None:
        """Waits; a new watcher cuts it short."""
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return
