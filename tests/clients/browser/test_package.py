"""The npm package: its types hold, strictly, and applications that use it build and run."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from tests.clients.browser.conftest import KEY, Gateway, serving

from tidegate_infra.browser_bundle import sources
from tidegate_infra.maven import default_cache
from tidegate_infra.node import ensure_packages, find_node

pytestmark = [pytest.mark.clients, pytest.mark.browser, pytest.mark.timeout(600)]


def node(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    argv = [*find_node().node, *arguments]
    return subprocess.run(
        argv, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.fixture(scope="session")
def package() -> Path:
    folder = sources()
    assert folder is not None
    return folder


@pytest.fixture
def work(package: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A copy of the package in a folder where Node finds what `request.param` is built with."""
    tools = ensure_packages(package / request.param, default_cache(), find_node())
    with tempfile.TemporaryDirectory(dir=tools, prefix="test-") as scratch:
        copy = Path(scratch) / "browser"
        shutil.copytree(package, copy, ignore=shutil.ignore_patterns("node_modules", "dist"))
        yield copy


@pytest.mark.parametrize("work", ["."], indirect=True)
def test_the_types_hold_strictly_and_a_wrong_call_does_not(work: Path) -> None:
    compiler = str(next(parent for parent in work.parents if (parent / "node_modules").exists()))
    check = (f"{compiler}/node_modules/typescript/bin/tsc", "--noEmit", "-p", str(work))
    done = node(*check, folder=work)
    assert done.returncode == 0, done.stdout
    (work / "src" / "wrong.ts").write_text('import { init } from "./index";\ninit({ gateway: "" }).track(7);\n')
    done = node(*check, folder=work)
    assert done.returncode != 0
    assert "writeKey" in done.stdout
    assert "wrong.ts(2,29)" in done.stdout


@pytest.mark.parametrize("work", ["examples"], indirect=True)
@pytest.mark.parametrize("framework", ["react", "vue"])
def test_an_example_builds_and_its_events_arrive(
    work: Path, framework: str, gateway: Gateway, context: BrowserContext
) -> None:
    tools = next(parent for parent in work.parents if (parent / "node_modules").exists())
    environment = {"VITE_TIDEGATE_GATEWAY": gateway.url, "VITE_TIDEGATE_WRITE_KEY": KEY}
    vite = str(tools / "node_modules" / "vite" / "bin" / "vite.js")
    done = node(vite, "build", framework, folder=work / "examples", **environment)
    assert done.returncode == 0, done.stderr
    built = work / "examples" / framework / "dist"
    with serving(Starlette(routes=[Mount("/", StaticFiles(directory=built, html=True))])) as url:
        page = context.new_page()
        page.goto(url)
        page.get_by_role("button", name="Accept").click()
        page.get_by_role("button", name="Add").click()
        expect(page.get_by_text("1 items")).to_be_visible()
        page.get_by_role("button", name="Export").click()
        for _ in range(2):
            page.get_by_role("button", name="Add").click()
        added, *_ = gateway.wait_for("item_added", "feature_used", "page")
        assert gateway.wait_for("RangeError", kind="error")
    assert added["service"] == "shop"
    assert {event["consent"] for event in gateway.events()} == {"anonymous", "granted"}
    assert len(gateway.names("error")) == 1
