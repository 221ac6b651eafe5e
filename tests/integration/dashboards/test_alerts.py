"""The alert service from planted rows to a real local webhook."""

import asyncio
import http.server
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tidegate_dashboards.alerts.notify import WebhookNotifier
from tidegate_dashboards.alerts.rules import load_rules
from tidegate_dashboards.alerts.service import AlertService, create_app
from tidegate_dashboards.alerts.store import FileStore
from tidegate_dashboards.clock import ManualClock
from tidegate_dashboards.reader import Reader
from tidegate_dashboards.sample import insert

pytestmark = pytest.mark.clickhouse
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Webhook:
    """A real server that keeps what it takes; `answers` is its status."""

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.answers = 200
        webhook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                if webhook.answers == 200:
                    webhook.taken.append(body)
                self.send_response(webhook.answers)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                return

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/alerts"

    def told(self) -> list[tuple[str, str]]:
        return [(alert["status"], alert["labels"]["route"]) for body in self.taken for alert in body["alerts"]]


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    webhook = Webhook()
    threading.Thread(target=webhook.server.serve_forever, daemon=True).start()
    yield webhook
    webhook.server.shutdown()
    webhook.server.server_close()


async def at_once(_: float) -> None:
    return


class Room:
    """Makes services that share a clock, a state directory and a project."""

    def __init__(self, reader: Reader, writer: httpx.Client, project: str, directory: Path, url: str) -> None:
        self.clock = ManualClock(NOON)
        self._reader = reader
        self._writer = writer
        self._project = project
        self._directory = directory
        self._url = url

    def service(self, reader: Reader | None = None) -> AlertService:
        return AlertService(
            load_rules(),
            reader or self._reader,
            WebhookNotifier(self._url, pause=at_once),
            FileStore(self._directory),
            self.clock,
            project=self._project,
            dashboard_url="http://dashboard",
        )

    def plant(self, requests: int, server_errors: int, route: str = "/run") -> None:
        at = int(self.clock.now().timestamp()) // 10 * 10
        row = {"window_start": at, "project": self._project, "service": "shop", "method": "POST", "route": route}
        row |= {"requests": requests, "server_errors": server_errors, "version": 1}
        insert(self._writer, "error_rates", [row])


@pytest.fixture
def room(reader: Reader, writer: httpx.Client, project: str, tmp_path: Path, webhook: Webhook) -> Room:
    return Room(reader, writer, project, tmp_path, webhook.url)


async def test_an_alert_fires_once_and_resolves_once(room: Room, webhook: Webhook) -> None:
    service = room.service()
    room.plant(40, 4)
    room.plant(40, 0, "/agents")

    await service.round()
    room.clock.advance(10)
    await service.round()
    assert webhook.told() == [("firing", "/run")]

    room.clock.advance(300)
    room.plant(40, 0)
    await service.round()
    room.clock.advance(10)
    await service.round()

    assert webhook.told() == [("firing", "/run"), ("resolved", "/run")]
    firing, resolved = (body["alerts"][0] for body in webhook.taken)
    assert firing["fingerprint"] == resolved["fingerprint"]
    assert firing["annotations"]["summary"] == "POST /run of shop fails: 10.0% of 40 requests in 5 minutes"
    assert resolved["startsAt"] == "2026-11-23T12:00:00.000000Z"
    assert resolved["endsAt"] == "2026-11-23T12:05:10.000000Z"


async def test_few_requests_alert_nobody(room: Room, webhook: Webhook) -> None:
    room.plant(19, 19)

    await room.service().round()

    assert webhook.told() == []


async def test_a_restart_neither_repeats_nor_forgets(room: Room, webhook: Webhook) -> None:
    room.plant(40, 4)
    await room.service().round()

    await room.service().round()
    assert webhook.told() == [("firing", "/run")]

    room.clock.advance(310)
    room.plant(40, 0)
    await room.service().round()
    assert webhook.told() == [("firing", "/run"), ("resolved", "/run")]


async def test_a_notification_waits_for_the_webhook_even_across_a_restart(room: Room, webhook: Webhook) -> None:
    webhook.answers = 503
    room.plant(40, 4)
    await room.service().round()
    assert webhook.told() == []

    webhook.answers = 200
    await room.service().round()

    assert webhook.told() == [("firing", "/run")]


async def test_without_clickhouse_nothing_fires_and_nothing_resolves(room: Room, webhook: Webhook) -> None:
    room.plant(40, 4)
    service = room.service()
    await service.round()
    gone = Reader("http://127.0.0.1:9", timeout_seconds=2)

    blind = room.service(gone)
    room.clock.advance(86_400)
    await blind.round()
    await gone.close()

    assert webhook.told() == [("firing", "/run")]
    assert blind.trouble is not None
    assert "no answer from ClickHouse at http://127.0.0.1:9" in blind.trouble


async def test_health_and_metrics_tell_what_is_going_on(room: Room, webhook: Webhook) -> None:
    room.plant(40, 4)
    service = room.service()
    app = create_app(service, interval_seconds=60)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://alerts") as client,
    ):
        async with asyncio.timeout(20):
            while (await client.get("/healthz")).json()["status"] != "ok":
                await asyncio.sleep(0.01)
            while not webhook.taken:
                await asyncio.sleep(0.01)
        text = (await client.get("/metrics")).text

    assert 'tidegate_alerts_active{rule="server-error-rate",state="firing"} 1.0' in text
    assert 'tidegate_alerts_evaluations_total{result="ok",rule="server-error-rate"} 1.0' in text
