"""The admin web app: wiring and `run`."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib.resources import files
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from nicegui import ui
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from tidegate_dashboards.catalogue import load
from tidegate_dashboards.clock import Clock, SystemClock
from tidegate_dashboards.exports import Exports
from tidegate_dashboards.metrics import DashboardMetrics
from tidegate_dashboards.poller import Poller
from tidegate_dashboards.ranges import time_range
from tidegate_dashboards.reader import Reader
from tidegate_dashboards.rights import PATH, Desk, Tickets
from tidegate_dashboards.settings import DashboardSettings
from tidegate_dashboards.web.chaos import chaos
from tidegate_dashboards.web.layout import THEME_COOKIE, head
from tidegate_dashboards.web.marks import FAVICON
from tidegate_dashboards.web.overview import overview
from tidegate_dashboards.web.palette import palette
from tidegate_dashboards.web.privacy import privacy
from tidegate_dashboards.web.start import start

__all__ = ["DashboardSettings", "create_app", "run"]

LOOPBACK = ("127.0.0.1", "localhost")
MESSAGES_KEPT = 60
"""Messages that a page may miss and still catch up with; each holds some kilobytes of chart data."""


def create_app(settings: DashboardSettings, clock: Clock | None = None, desk: Desk | None = None) -> FastAPI:
    """The ASGI app. Without a desk the page about rights only shows.

    NiceGUI keeps its pages in globals, so that a process can serve one app only.
    """
    clock = clock or SystemClock()
    metrics = DashboardMetrics()
    queries = load()
    reader = Reader(settings.clickhouse_url, timeout_seconds=settings.query_timeout_seconds)
    downloader = Reader(settings.clickhouse_url, timeout_seconds=settings.query_timeout_seconds)
    poller = Poller(reader, queries, clock, settings.refresh_seconds, metrics)
    exports = Exports(downloader, queries, clock, metrics, settings.export_minimum_subjects)
    tickets = Tickets()
    assets = Path(str(files("tidegate_dashboards.web") / "static"))

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok", "clickhouse": reader.address})

    async def prometheus(_: Request) -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(poller.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            tickets.close()
            await reader.close()
            await downloader.close()

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.router.routes.extend(
        [
            Route("/healthz", healthz),
            Route("/metrics", prometheus),
            Route("/export/{query}.{suffix}", exports.download),
            Route(f"{PATH}/{{ticket}}", tickets.download),
            Mount("/assets", StaticFiles(directory=assets)),
        ]
    )
    if settings.host in LOOPBACK:
        # A page on the internet may point its own name here, and would then be of one origin with ours (DNS rebinding).
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(LOOPBACK))
    _pages(settings, poller, clock, reader.address, _version(assets))
    _rights(settings, partial(privacy, poller, reader.address), _version(assets), tickets, desk)
    ui.run_with(
        app,
        title="Tidegate",
        favicon=FAVICON,
        dark=None,
        tailwind=False,
        language="en-US",
        message_history_length=MESSAGES_KEPT,
        reconnect_timeout=10,
        show_welcome_message=False,
    )
    return app


def run(settings: DashboardSettings, desk: Desk | None = None) -> None:
    """Serves the app until SIGINT or SIGTERM. ClickHouse may come later: the pages say that they wait for it."""
    uvicorn.run(
        create_app(settings, desk=desk), host=settings.host, port=settings.port, log_level="warning", access_log=False
    )


def _pages(settings: DashboardSettings, poller: Poller, clock: Clock, clickhouse: str, version: str) -> None:
    @ui.page("/", title="Tidegate")
    def overview_page(request: Request) -> None:
        head(version)
        project = request.query_params.get("project", settings.project)
        chosen = time_range(request.query_params.get("range"))
        strip = partial(chaos, settings.chaos_path, clock)
        overview(poller, clickhouse, project, chosen, palette(request.cookies.get(THEME_COOKIE)), strip)

    @ui.page("/start", title="Get started · Tidegate")
    def start_page(request: Request) -> None:
        head(version)
        project = request.query_params.get("project", settings.project)
        start(poller, clickhouse, settings, project, time_range(request.query_params.get("range")))


def _rights(
    settings: DashboardSettings, page: Callable[..., None], version: str, tickets: Tickets, desk: Desk | None
) -> None:
    @ui.page("/privacy", title="Privacy · Tidegate")
    def privacy_page(request: Request) -> None:
        head(version)
        project = request.query_params.get("project", settings.project)
        page(project, time_range(request.query_params.get("range")), tickets, desk)


def _version(assets: Path) -> str:
    """Changes with the assets, so that browsers don't keep old ones."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(assets.iterdir()))).hexdigest()[:8]
