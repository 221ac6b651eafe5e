"""The alert service: rounds of evaluation and delivery, with /healthz and /metrics beside them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Protocol

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tidegate_dashboards.alerts.evaluate import Evaluation, Phase, evaluate
from tidegate_dashboards.alerts.notify import LogNotifier, Notifier, WebhookNotifier, message, notification
from tidegate_dashboards.alerts.rules import Rule, load_rules
from tidegate_dashboards.alerts.store import FileStore, Remembered
from tidegate_dashboards.catalogue import Query
from tidegate_dashboards.clock import Clock, SystemClock
from tidegate_dashboards.errors import ClickHouseAwayError, NotifyError, QueryError
from tidegate_dashboards.metrics import AlertMetrics
from tidegate_dashboards.reader import Reader
from tidegate_dashboards.settings import AlertSettings

__all__ = ["AlertService", "create_app", "run"]

log = logging.getLogger(__name__)

OUTBOX_LIMIT = 500
"""Messages kept for a webhook that doesn't answer; beyond, the oldest are given up, and counted as failed."""


class Store(Protocol):
    """Where the service remembers."""

    def load(self) -> Remembered:
        """What was saved last."""

    def save(self, remembered: Remembered) -> None:
        """Replaces what was saved."""


class AlertService:
    """Evaluates rules and delivers what changes. `round` is one pass; `run` repeats it."""

    def __init__(
        self,
        rules: Mapping[Rule, Query],
        reader: Reader,
        notifier: Notifier,
        store: Store,
        clock: Clock,
        *,
        project: str = "default",
        dashboard_url: str = "",
        metrics: AlertMetrics | None = None,
    ) -> None:
        self._rules = rules
        self._reader = reader
        self._notifier = notifier
        self._store = store
        self._clock = clock
        self._project = project
        self._dashboard_url = dashboard_url
        self.metrics = metrics or AlertMetrics()
        self.remembered = store.load()
        self.trouble: str | None = "not evaluated yet"
        """Why the last round could not look at everything; None if it could."""

    async def run(self, interval_seconds: float) -> None:
        """Rounds until cancelled, the pause between two being the interval."""
        while True:
            await self.round()
            await asyncio.sleep(interval_seconds)

    async def round(self) -> None:
        """Evaluates every rule, remembers, then delivers. Without ClickHouse the states stay as they are."""
        trouble: str | None = None
        for rule, query in self._rules.items():
            try:
                evaluation = await self._evaluate(rule, query)
            except (ClickHouseAwayError, QueryError) as error:
                trouble = f"{rule.name}: {error}"
                self.metrics.evaluations.labels(rule.name, "failed").inc()
                continue
            self.metrics.evaluations.labels(rule.name, "ok").inc()
            self._take(rule, evaluation)
        self._say(trouble)
        self._store.save(self.remembered)
        self.metrics.last_evaluation.set(self._clock.now().timestamp())
        await self._deliver()

    async def _evaluate(self, rule: Rule, query: Query) -> Evaluation:
        now = self._clock.now()
        start = now - timedelta(seconds=rule.window_seconds)
        values = {
            "project": self._project,
            "start": f"{start:%Y-%m-%d %H:%M:%S}",
            "end": f"{now + timedelta(seconds=1):%Y-%m-%d %H:%M:%S}",
        }
        rows = await self._reader.rows(query, values)
        return evaluate(rule, rows, self.remembered.alerts.get(rule.name, {}), now)

    def _take(self, rule: Rule, evaluation: Evaluation) -> None:
        self.remembered.alerts[rule.name] = dict(evaluation.alerts)
        for phase in Phase:
            number = sum(alert.phase is phase for alert in evaluation.alerts.values())
            self.metrics.active.labels(rule.name, phase.value).set(number)
        for transition in evaluation.transitions:
            log.info("%s %s %s: %s", rule.name, dict(transition.alert.labels), transition.kind, transition.reason)
        told = [
            notification(rule, transition, self._dashboard_url)
            for transition in evaluation.transitions
            if transition.kind != Phase.PENDING
        ]
        if told:
            self.remembered.outbox.append(message(told, self._dashboard_url))
        while len(self.remembered.outbox) > OUTBOX_LIMIT:
            self.remembered.outbox.pop(0)
            self.metrics.notifications.labels("failed").inc()

    async def _deliver(self) -> None:
        while self.remembered.outbox:
            try:
                await self._notifier.send(self.remembered.outbox[0])
            except NotifyError as error:
                log.warning("%s; %d wait", error, len(self.remembered.outbox))
                self.metrics.notifications.labels("failed").inc()
                return
            self.remembered.outbox.pop(0)
            self.metrics.notifications.labels("sent").inc()
            self._store.save(self.remembered)

    def _say(self, trouble: str | None) -> None:
        if trouble and not self.trouble:
            log.warning("alerts can't be evaluated: %s", trouble)
        elif self.trouble and not trouble:
            log.info("alerts are being evaluated")
        self.trouble = trouble


def create_app(service: AlertService, interval_seconds: float) -> Starlette:
    """The ASGI app: /healthz, /metrics, and the rounds as long as it runs."""

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "waiting" if service.trouble else "ok", "reason": service.trouble})

    async def prometheus(_: Request) -> Response:
        return Response(generate_latest(service.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(service.run(interval_seconds))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    return Starlette(routes=[Route("/healthz", healthz), Route("/metrics", prometheus)], lifespan=lifespan)


def run(settings: AlertSettings) -> None:
    """Evaluates until SIGINT or SIGTERM. ClickHouse and the webhook may come later. Raises RuleError for bad rules."""
    notifier = WebhookNotifier(settings.webhook_url) if settings.webhook_url else LogNotifier()
    service = AlertService(
        load_rules(settings.rules_path),
        Reader(settings.clickhouse_url, timeout_seconds=settings.query_timeout_seconds),
        notifier,
        FileStore(settings.state_dir),
        SystemClock(),
        project=settings.project,
        dashboard_url=settings.dashboard_url,
    )
    app = create_app(service, settings.interval_seconds)
    uvicorn.run(app, host=settings.metrics_host, port=settings.metrics_port, log_level="warning", access_log=False)
