"""One poller for all sessions: it asks ClickHouse only while somebody watches, and each question once a round.

A view (project and time range) that ten browsers look at costs what one costs.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from tidegate_dashboards.catalogue import Query
from tidegate_dashboards.clock import Clock
from tidegate_dashboards.errors import ClickHouseAwayError, DashboardError, NotMigratedError, QueryError
from tidegate_dashboards.metrics import DashboardMetrics
from tidegate_dashboards.ranges import Span, TimeRange
from tidegate_dashboards.reader import Reader, Rows

__all__ = ["Poller", "Snapshot", "Trouble", "View", "interval_seconds", "pause_seconds"]

log = logging.getLogger(__name__)

QUERY_SHARE = 1 / 60
"""One query keeps ClickHouse busy about this share of the time: a dear one is asked less often than a cheap one…"""
OLDEST_SECONDS = 2.0
"""…but so often, at least, in the short ranges: what arrived must be on screen within seconds."""
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

    @property
    def stops_everything(self) -> bool:
        """Whether no query at all can be answered."""
        return self.kind != "query"


@dataclass(frozen=True)
class Snapshot:
    """Answers to a view's queries, each the latest there is. A query that never answered is missing from `results`."""

    view: View
    at: datetime
    span: Span
    results: Mapping[str, Rows] = field(default_factory=dict)
    trouble: Trouble | None = None


Listener = Callable[[Snapshot], None]


@dataclass(frozen=True)
class Answer:
    """What a query of a view answered last."""

    rows: Rows
    asked: float
    """When, on the monotonic clock."""
    cost_seconds: float


def interval_seconds(refresh_seconds: float, cost_seconds: float, step_seconds: int) -> float:
    """How often to ask a query that takes so long: from the refresh time up to 2 s; 15 s where points are wide."""
    longest = min(max(OLDEST_SECONDS, step_seconds / 60), LONGEST_PAUSE_SECONDS)
    return max(refresh_seconds, min(cost_seconds / QUERY_SHARE, longest))


def pause_seconds(refresh_seconds: float, took_seconds: float) -> float:
    """Pause after a round that took so long: at least the refresh time, as long as a slow round, 15 s at most."""
    return max(refresh_seconds, min(took_seconds, LONGEST_PAUSE_SECONDS))


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
        self._answers: dict[View, dict[str, Answer]] = {}
        self.last: dict[View, Snapshot] = {}
        """Latest snapshot of each watched view."""

    def blank(self, view: View) -> Snapshot:
        """What is known of a view before its first answer: nothing."""
        now = self._clock.now()
        return Snapshot(view, now, view.range.span(now))

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
        self._answers = {view: answers for view, answers in self._answers.items() if view in watched}

    async def run(self) -> None:
        """Polls until cancelled."""
        while True:
            if not self._listeners:
                self._wake.clear()
                await self._wake.wait()
            started = self._clock.monotonic()
            try:
                await self.round()
            except Exception:  # a dashboard that stops polling for ever is worse than one that tries again
                log.exception("a round of queries failed")
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
        answers = self._answers.setdefault(view, {})
        due = [name for name in view.queries if self._is_due(answers.get(name), span)]
        found = await asyncio.gather(*(self._ask(self._queries[name], values) for name in due), return_exceptions=True)
        trouble: Trouble | None = None
        for name, answer in zip(due, found, strict=True):
            if isinstance(answer, Answer):
                answers[name] = answer
            elif isinstance(answer, ClickHouseAwayError | QueryError):
                trouble = trouble or self._trouble_of(answer, now)
                if name in answers:
                    answers[name] = replace(answers[name], asked=-math.inf)
            else:
                raise answer
        return Snapshot(view, now, span, {name: answer.rows for name, answer in answers.items()}, trouble)

    def _is_due(self, answer: Answer | None, span: Span) -> bool:
        if answer is None:
            return True
        interval = interval_seconds(self._refresh_seconds, answer.cost_seconds, span.step_seconds)
        return self._clock.monotonic() - answer.asked >= interval

    async def _ask(self, query: Query, values: Mapping[str, str]) -> Answer:
        async with self._gate:
            asked = self._clock.monotonic()
            rows = await self._reader.rows(query, values)
            return Answer(rows, asked, self._clock.monotonic() - asked)

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
