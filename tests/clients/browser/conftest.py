"""The SDK as its visitors have it: a site at one origin, a gateway at another, and a real headless Chromium."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
import uvicorn
from nacl.public import PrivateKey
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.waiting import wait_until

from tidegate.publish import MemoryPublisher
from tidegate_gateway.app import create_app
from tidegate_gateway.settings import GatewaySettings, Project
from tidegate_infra.browser_bundle import ensure_bundle
from tidegate_infra.maven import default_cache
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import outcome_schema, raw_schema
from tidegate_schemas.topics import OUTCOMES, Kind, raw_topic

KEY = "public-write-key"
DEADLINE_SECONDS = 90.0
expect.set_options(timeout=20_000)


class Faults:
    """Requests for beacons pass, or are answered with 503; every body is kept."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.away = False
        self.bodies: list[dict[str, Any]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/v1/beacon" or scope["method"] != "POST":
            return await self._app(scope, receive, send)
        body = await Request(scope, receive).body()
        self.bodies.append(orjson.loads(body))
        if self.away:
            headers = {"access-control-allow-origin": "*", "access-control-expose-headers": "Retry-After"}
            return await Response(status_code=503, headers=headers)(scope, receive, send)

        async def again() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        return await self._app(scope, again, send)


class Gateway:
    """A gateway over a publisher in memory."""

    def __init__(self, url: str, publisher: MemoryPublisher, faults: Faults) -> None:
        self.url, self.publisher, self.faults = url, publisher, faults

    def records(self, kind: Kind) -> list[dict[str, Any]]:
        """Everything in the raw topic, copies of one event too."""
        codec = RowCodec(raw_schema(kind))
        return [codec.decode(value) for _, value in list(self.publisher.records.get(raw_topic(kind), []))]

    def events(self, kind: Kind = "track") -> list[dict[str, Any]]:
        """Each event once, as the gate lets it through."""
        return list({record["event_id"]: record for record in self.records(kind)}.values())

    def names(self, kind: Kind = "track") -> list[str]:
        return [event["name"] for event in self.events(kind)]

    def outcomes(self) -> list[dict[str, Any]]:
        codec = RowCodec(outcome_schema())
        rows = [codec.decode(value) for _, value in list(self.publisher.records.get(OUTCOMES, []))]
        return list({row["outcome_id"]: row for row in rows}.values())

    def wait_for(self, *names: str, kind: Kind = "track") -> list[dict[str, Any]]:
        """Events of these names, once all of them are there."""
        wait_until(lambda: set(names) <= set(self.names(kind)), DEADLINE_SECONDS, f"not all of {names} arrived")
        return [event for event in self.events(kind) if event["name"] in names]


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """An application on a port that the system picks."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started, DEADLINE_SECONDS, "the server didn't start")
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(DEADLINE_SECONDS)


@pytest.fixture(scope="session", autouse=True)
def bundle() -> None:
    """The bundle of these sources."""
    ensure_bundle(default_cache())


@pytest.fixture
def gateway(bundle: None) -> Iterator[Gateway]:
    publisher = MemoryPublisher()
    key = bytes(PrivateKey.generate().public_key)
    settings = GatewaySettings("127.0.0.1", 0, "nowhere:1", (Project(1, "default", KEY),), key)
    faults = Faults(create_app(settings, publisher))
    with serving(faults) as url:
        yield Gateway(url, publisher, faults)


Visit = Callable[..., Page]


def shop(gateway_url: str, key: str, service: str = "shop") -> Starlette:
    """A site whose every path is the same page; `/api/<status>` answers with that status. Strict about what may run."""

    async def api(request: Request) -> Response:
        return PlainTextResponse("", request.path_params["status"])

    async def page(request: Request) -> Response:
        attributes = request.query_params.get("attributes", "")
        html = (
            '<!doctype html><html lang="en"><title>Shop</title><h1>Shop</h1>'
            f'<script src="{gateway_url}/tidegate.js" data-write-key="{key}" '
            f'data-service="{service}" {attributes}></script>'
            '<main><p>Text.</p><button data-tidegate-feature="export">Export</button>'
            "<button data-tidegate-consent>Privacy settings</button></main></html>"
        )
        policy = f"default-src 'none'; script-src {gateway_url}; connect-src 'self' {gateway_url}"
        return HTMLResponse(html, headers={"content-security-policy": policy, "cache-control": "no-store"})

    routes = [Route("/api/{status:int}", api), Route("/{path:path}", page)]
    return Starlette(routes=routes)


@pytest.fixture
def site(gateway: Gateway) -> Iterator[str]:
    """The site of a gateway in memory."""
    with serving(shop(gateway.url, KEY)) as url:
        yield url


# For one module: while Playwright's synchronous driver is there, its event loop runs in this thread.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.fail("no chromium on the PATH; install Debian's package: apt-get install chromium")
    arguments = ["--no-sandbox", "--disable-background-networking", "--disable-dev-shm-usage", "--disable-gpu"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A visitor's browser, without a past."""
    context = browser.new_context()
    yield context
    context.close()


@pytest.fixture
def visit(context: BrowserContext, site: str) -> Visit:
    """Opens the site in a new tab; `attributes` are the script tag's."""

    def open_page(path: str = "/", attributes: str = "") -> Page:
        page = context.new_page()
        page.goto(f"{site}{path}" + (f"?attributes={attributes}" if attributes else ""))
        return page

    return open_page


def on_device(page: Page) -> dict[str, Any]:
    """Everything that a site can have left on the device."""
    storage: dict[str, Any] = page.evaluate(
        """async () => ({
            cookies: document.cookie, local: {...localStorage}, session: {...sessionStorage},
            databases: (await indexedDB.databases()).map(({name}) => name), caches: await caches.keys(),
        })"""
    )
    return {**storage, "cookies": [*page.context.cookies(), *filter(None, [storage["cookies"]])]}


NOTHING: dict[str, Any] = {"cookies": [], "local": {}, "session": {}, "databases": [], "caches": []}
