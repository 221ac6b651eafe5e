"""Fixtures for official clients: a running stack, Node with the locked packages, pages in a real Chromium."""

import shutil
import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from tests.clients import node_workspace, site, stack

from tidegate_infra.addresses import ClickHouseAddress
from tidegate_infra.broker.jars import default_cache


@pytest.fixture(scope="session", name="stack")
def running_stack(
    broker: str, clickhouse: ClickHouseAddress, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[stack.Stack]:
    """Broker, ClickHouse, worker and gateway; one for the session."""
    with stack.running(tmp_path_factory.mktemp("clients") / "home", broker, clickhouse) as running:
        yield running


@pytest.fixture
def mark() -> str:
    """A text that no other test sends: for `service` or `release`, by which a test finds its events again."""
    return f"test-{uuid.uuid4()}"


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> node_workspace.NodeWorkspace:
    """Node, and the packages and scripts of tests/clients/node."""
    return node_workspace.ensure(default_cache(), tmp_path_factory.mktemp("node"))


@pytest.fixture
def pages(node: node_workspace.NodeWorkspace) -> Iterator[site.Site]:
    """The pages of tests/clients/pages at an address of their own: another origin than the gateway's."""
    with site.serving(node) as serving:
        yield serving


# For one module: while Playwright's synchronous driver is there, its event loop runs in this thread, and no test of
# another module could start one.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium without a window. Nothing leaves the machine."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.fail("no chromium on the PATH; install Debian's package: apt-get install chromium")
    arguments = ["--no-sandbox", "--disable-background-networking", "--disable-dev-shm-usage", "--disable-gpu"]
    # Not by Playwright's routes: a page could then ask for nothing while its test waits for something else.
    arguments.append("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh page. The test fails if it asks for anything off the machine, or raises an error."""
    context = browser.new_context()
    page = context.new_page()
    errors: list[str] = []
    strangers: list[str] = []

    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: None if local(request.url) else strangers.append(request.url))
    yield page
    context.close()
    assert (errors, strangers) == ([], [])


def local(url: str) -> bool:
    """Whether an address stays on the machine."""
    return url.startswith(("http://127.0.0.1:", "data:", "blob:", "about:"))
