"""The web app as its own process on a real ClickHouse, and a real headless Chromium."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tidegate_infra.addresses import ClickHouseAddress

expect.set_options(timeout=20_000)
"""For what has no deadline of its own; a busy machine starts slowly."""

ARTIFACTS = Path(__file__).parents[2] / ".artifacts"
START_SECONDS = 30
RUN = """
import sys
from tidegate_dashboards.app import DashboardSettings, run
run(DashboardSettings(port=int(sys.argv[1]), clickhouse_url=sys.argv[2], gateway_url="http://127.0.0.1:8300",
                      write_key="key-for-tests"))
"""


@dataclass(frozen=True)
class Dashboard:
    """A running web app."""

    url: str
    pid: int


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[[str], Dashboard]]:
    """Starts web apps that read the ClickHouse at a URL, and stops them in the end."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(clickhouse_url: str) -> Dashboard:
        port = free_port()
        process = subprocess.Popen([sys.executable, "-c", RUN, str(port), clickhouse_url], env=os.environ.copy())
        processes.append(process)
        url = f"http://127.0.0.1:{port}"
        with httpx.Client(transport=httpx.HTTPTransport(retries=0)) as client:
            wait_for(client, f"{url}/healthz", process)
        return Dashboard(url, process.pid)

    yield start
    for process in processes:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="session")
def dashboard(tables: ClickHouseAddress, serve: Callable[[str], Dashboard]) -> Dashboard:
    """A web app on the session's ClickHouse."""
    return serve(tables.url)


# For one module: while Playwright's synchronous driver is there, its event loop runs in this thread, and no test of
# another module could start one.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium without a window. Nothing leaves the machine."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.fail("no chromium on the PATH; install Debian's package: apt-get install chromium")
    arguments = ["--no-sandbox", "--disable-background-networking", "--disable-dev-shm-usage", "--disable-gpu"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh page, 1440 wide, dark. The test fails if the page asks for anything off the machine or logs an error."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark", accept_downloads=True)
    page = context.new_page()
    strangers: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: None if local(request.url) else strangers.append(request.url))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert strangers == []
    assert errors == []


def keep(page: Page, name: str) -> None:
    """Keeps a screenshot of the whole page among the test artifacts."""
    ARTIFACTS.mkdir(exist_ok=True)
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=ARTIFACTS / f"{name}.png", full_page=True)


@pytest.fixture
def screenshot() -> Callable[[Page, str], None]:
    """Keeps screenshots; see `keep`."""
    return keep


def local(url: str) -> bool:
    """Whether an address stays on the machine."""
    return url.startswith(("http://127.0.0.1:", "data:", "blob:", "about:"))


def free_port() -> int:
    """A port that the system picks."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(client: httpx.Client, url: str, process: subprocess.Popen[bytes]) -> None:
    """Returns when the address answers; fails if the process ends or takes too long."""
    for _ in range(START_SECONDS * 10):
        if process.poll() is not None:
            pytest.fail(f"the web app ended with {process.returncode} before it answered at {url}")
        try:
            if client.get(url, timeout=1).is_success:
                return
        except httpx.TransportError:
            pass
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
    pytest.fail(f"no answer from {url} within {START_SECONDS} s")
