"""The pages in a real browser, on a real ClickHouse."""

import csv
import io
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import orjson
import polars as pl
import psutil
import pytest
from playwright.sync_api import Browser, Page, expect
from tests.e2e.dashboard.conftest import Dashboard, free_port, wait_for

from tidegate_dashboards.catalogue import load
from tidegate_dashboards.ranges import RANGES
from tidegate_dashboards.sample import TABLES, Sample, insert
from tidegate_infra.addresses import ClickHouseAddress
from tidegate_infra.clickhouse import fixture
from tidegate_sinks import migrate
from tidegate_sinks.clickhouse import Address, connect

pytestmark = [pytest.mark.clickhouse, pytest.mark.browser]

FRESH_MILLISECONDS = 5_000
RECONNECT_MILLISECONDS = 30_000
CHAOS_RUN = """
import sys
from pathlib import Path
from tidegate_dashboards.app import DashboardSettings, run
run(DashboardSettings(port=int(sys.argv[1]), clickhouse_url=sys.argv[2], chaos_path=Path(sys.argv[3])))
"""
RIGHTS_RUN = """
import os, sys
from datetime import UTC, datetime
from tidegate_dashboards.app import DashboardSettings, run
from tidegate_infra.operators import operators_of
from tidegate_infra.privacy.rights.desk import OperatorsDesk
from tidegate_infra.privacy.rights.office import ReceiptsOffice
from tidegate_infra.privacy.rights.receipts import Receipts
from tidegate_infra.privacy.rights.subject import marks_of_id
from tidegate_sinks.clickhouse import Address, connect
from tidegate_stream.gate.keys import MemoryKeys
url, keys = sys.argv[2], MemoryKeys({"rights": bytes(32)}, bytes(32))
office = ReceiptsOffice(
    Receipts(connect(Address(url, "writer", os.environ["PASSWORD"]))),
    lambda project, value: marks_of_id(keys, project, value), print,
    lambda project, marks: (iter([("sessions", {"pages": 2}), ("activity", {"events": 3})]), 1),
    lambda: [], lambda: datetime.now(UTC))
desk = OperatorsDesk(operators_of(sys.argv[3]), office) if sys.argv[3] else None
run(DashboardSettings(port=int(sys.argv[1]), clickhouse_url=url, project="rights"), desk)
"""
TWO_OPERATORS = "ada:ada-token-0123456789,grace:grace-token-987654321"
Screenshot = Callable[[Page, str], None]


def request_row(project: str, requests: int, server_errors: int) -> dict[str, Any]:
    at = int(datetime.now(UTC).timestamp()) // 10 * 10
    row = {"window_start": at, "project": project, "service": "shop", "route": "/checkout", "method": "POST"}
    return {**row, "requests": requests, "server_errors": server_errors, "version": requests, "source_partition": 7}


def test_new_rows_are_on_screen_within_five_seconds_without_a_reload(
    dashboard: Dashboard, writer: httpx.Client, page: Page, screenshot: Screenshot
) -> None:
    project = f"p-{uuid4().hex[:8]}"
    for table in TABLES:
        insert(writer, table, Sample(project).rows(table, datetime.now(UTC) - timedelta(minutes=15), datetime.now(UTC)))
    page.goto(f"{dashboard.url}/?project={project}")
    expect(page.get_by_test_id("live")).to_have_text("Live")
    page.evaluate("window.neverReloaded = true")
    expect(page.get_by_test_id("health")).not_to_contain_text("/checkout")

    # With these, any number of the sample's few thousand that are still in the range is 1.01M.
    insert(writer, "error_rates", [request_row(project, 1_005_000, 603_000)])

    expect(page.get_by_test_id("tile-requests")).to_have_text("1.01M", timeout=FRESH_MILLISECONDS)
    expect(page.get_by_test_id("health")).to_contain_text("POST /checkout", timeout=FRESH_MILLISECONDS)
    expect(page.locator("tr[data-endpoint='POST /checkout']")).to_contain_text("Down")
    expect(page.locator("tr[data-endpoint='POST /checkout']")).to_contain_text("60%")
    assert page.evaluate("window.neverReloaded") is True
    screenshot(page, "overview-live")


def test_downloads_are_what_the_query_answers(
    dashboard: Dashboard, writer: httpx.Client, page: Page, tmp_path: Path
) -> None:
    project = f"p-{uuid4().hex[:8]}"
    end = datetime.now(UTC) - timedelta(minutes=2)
    insert(writer, "error_rates", Sample(project).rows("error_rates", end - timedelta(minutes=5), end))
    page.goto(f"{dashboard.url}/?project={project}&range=1h")
    expect(page.get_by_test_id("live")).to_have_text("Live")

    files = {}
    for suffix in ("csv", "parquet"):
        with page.expect_download() as begun:
            page.get_by_test_id(f"error_rate-{suffix}").click()
        files[suffix] = tmp_path / f"rows.{suffix}"
        begun.value.save_as(files[suffix])
        assert begun.value.suggested_filename.endswith(f".{suffix}")

    query = load()["error_rate"]
    values = {"project": project, **RANGES[1].span(datetime.now(UTC)).parameters()}
    answer = writer.post("/", params=query.arguments(values), content=query.sql + "\nFORMAT JSONCompact")
    expected = orjson.loads(answer.content)
    header, *lines = csv.reader(io.StringIO(files["csv"].read_text()))
    frame = pl.read_parquet(files["parquet"])
    names = [column["name"] for column in expected["meta"]]
    rate = names.index("error_rate")
    assert header == frame.columns == names
    assert len(lines) == frame.height == len(expected["data"]) > 0
    assert [float(line[rate]) for line in lines] == pytest.approx([row[rate] for row in expected["data"]])
    assert frame["error_rate"].to_list() == pytest.approx([row[rate] for row in expected["data"]])


def test_an_empty_project_says_what_to_do(dashboard: Dashboard, page: Page, screenshot: Screenshot) -> None:
    page.goto(f"{dashboard.url}/?project=p-{uuid4().hex[:8]}")

    expect(page.get_by_test_id("health")).to_contain_text("No endpoint has been called yet")
    expect(page.get_by_test_id("plot-sessions")).to_contain_text("No product events yet")
    screenshot(page, "overview-empty")


def test_the_onboarding_note_turns_with_the_first_event(
    dashboard: Dashboard, writer: httpx.Client, page: Page, screenshot: Screenshot
) -> None:
    project = f"p-{uuid4().hex[:8]}"
    page.goto(f"{dashboard.url}/start?project={project}")
    expect(page.get_by_test_id("waiting")).to_be_visible()
    expect(page.get_by_test_id("dsn")).to_have_text("http://key-for-tests@127.0.0.1:8300/1")
    screenshot(page, "start-waiting")

    now = datetime.now(UTC).timestamp()
    event = {"event_id": str(uuid4()), "project": project, "name": "signed_up", "occurred_at": now, "received_at": now}
    insert(writer, "events_track", [{**event, "sample_rate": 1, "version": 1}])

    expect(page.get_by_test_id("arrived")).to_contain_text("signed_up", timeout=FRESH_MILLISECONDS)
    screenshot(page, "start-arrived")


def test_each_client_has_its_snippet_and_keys_can_choose_it(dashboard: Dashboard, page: Page) -> None:
    page.goto(f"{dashboard.url}/start")
    expect(page.get_by_test_id("live")).to_have_text("Live")

    page.get_by_role("tab", name="Sentry").click()
    expect(page.get_by_test_id("snippet-sentry")).to_be_visible()
    expect(page.get_by_test_id("snippet-curl")).to_be_hidden()
    page.keyboard.press("ArrowRight")

    expect(page.get_by_test_id("snippet-opentelemetry")).to_contain_text("x-tidegate-key=key-for-tests")


@pytest.mark.parametrize("width", [1440, 900])
def test_the_light_theme_stays_and_nothing_sticks_out(
    dashboard: Dashboard, writer: httpx.Client, page: Page, screenshot: Screenshot, width: int
) -> None:
    project = f"p-{uuid4().hex[:8]}"
    for table in TABLES:
        insert(writer, table, Sample(project).rows(table, datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC)))
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{dashboard.url}/?project={project}&range=1h")
    expect(page.get_by_test_id("live")).to_have_text("Live")
    page.get_by_role("button", name="Switch between light and dark").click()

    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    expect(page.get_by_test_id("live")).to_have_text("Live")
    expect(page.get_by_test_id("health")).to_contain_text("POST /agents/{slug}/run")
    page.get_by_role("button", name="p99").first.click()
    expect(page.get_by_role("button", name="p99").first).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    screenshot(page, f"overview-light-{width}")


def test_the_time_range_is_part_of_the_address(dashboard: Dashboard, page: Page) -> None:
    page.goto(dashboard.url)
    page.get_by_role("link", name="7 d").click()

    expect(page).to_have_url(re.compile(r"range=7d"))
    expect(page.get_by_role("link", name="7 d")).to_have_attribute("aria-current", "true")


def test_the_page_waits_for_clickhouse_and_recovers_by_itself(
    serve: Callable[[str], Dashboard], page: Page, screenshot: Screenshot, tmp_path: Path
) -> None:
    with fixture.start(tmp_path / "first") as first:
        port = first.port
    waiting = serve(f"http://127.0.0.1:{port}")
    page.goto(waiting.url)
    expect(page.get_by_test_id("banner")).to_contain_text(f"Waiting for ClickHouse at http://127.0.0.1:{port}")
    screenshot(page, "overview-waiting")

    running = fixture.launch(tmp_path / "second", port)
    try:
        expect(page.get_by_test_id("banner")).to_contain_text("has no Tidegate tables yet", timeout=20_000)
        migrate.apply(connect(Address(running.url, "writer", running.writer_password)))
        expect(page.get_by_test_id("banner")).to_be_hidden(timeout=20_000)
        expect(page.get_by_test_id("health")).to_contain_text("No endpoint has been called yet")
    finally:
        running.process.terminate()
        running.process.wait(20)


def test_a_chaos_demo_is_told_live_and_a_killed_dashboard_comes_back_to_the_page_by_itself(
    tables: ClickHouseAddress, browser: Browser, screenshot: Screenshot, tmp_path: Path
) -> None:
    fact, port = tmp_path / "chaos.json", free_port()
    told = {"down": ["worker"], "acknowledged": 12, "checked": 12, "lost": 0, "doubled": 0}

    def tell(**changes: Any) -> None:  # whole, as the demo does; for as long as the test runs
        scratch = fact.with_suffix(".new")
        scratch.write_text(json.dumps(told | {"at": time.time() + 120} | changes), encoding="utf-8")
        scratch.replace(fact)

    arguments = [sys.executable, "-c", CHAOS_RUN, str(port), tables.url, str(fact)]
    first = subprocess.Popen(arguments)
    # A context of its own: while the dashboard is dead, the browser rightly logs that it can't be reached.
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    try:
        wait_for(httpx.Client(), f"http://127.0.0.1:{port}/healthz", first)
        page.goto(f"http://127.0.0.1:{port}/")
        expect(page.get_by_test_id("live")).to_have_text("Live")
        tell(killed={"worker": 1})
        expect(page.get_by_test_id("chaos")).to_contain_text("killed 1 time", timeout=FRESH_MILLISECONDS)
        expect(page.get_by_test_id("chaos")).to_contain_text("lost 0")
        first.kill()
        first.wait(20)

        tell(killed={"worker": 1, "dashboard": 1}, down=[], lost=3)
        second = subprocess.Popen(arguments)
        try:
            expect(page.get_by_test_id("chaos")).to_contain_text("killed 2 times", timeout=RECONNECT_MILLISECONDS)
            expect(page.get_by_test_id("chaos").locator(".bad")).to_have_text("lost 3")
            expect(page.get_by_test_id("live")).to_have_text("Live")
            screenshot(page, "overview-chaos")
        finally:
            second.terminate()
            second.wait(20)
    finally:
        first.kill()
        page.context.close()


@contextmanager
def rights(tables: ClickHouseAddress, operators: str) -> Iterator[str]:
    """Address of a page about rights with these operators."""
    port = free_port()
    environment = os.environ | {"PASSWORD": tables.writer_password}
    process = subprocess.Popen([sys.executable, "-c", RIGHTS_RUN, str(port), tables.url, operators], env=environment)
    try:
        wait_for(httpx.Client(), f"http://127.0.0.1:{port}/healthz", process)
        yield f"http://127.0.0.1:{port}/privacy"
    finally:
        process.terminate()
        process.wait(20)


def test_an_erasure_is_asked_for_by_keyboard_and_confirmed_by_another_operator(
    tables: ClickHouseAddress, page: Page, screenshot: Screenshot
) -> None:
    with rights(tables, TWO_OPERATORS) as address:
        page.goto(address)
        expect(page.get_by_test_id("live")).to_have_text("Live")
        expect(page.get_by_test_id("rule")).to_contain_text("Nothing happens until a second operator confirms it")
        said, receipts = page.get_by_test_id("said"), page.get_by_test_id("receipts")
        page.get_by_label("Id of the user").focus()
        for typed, pressed in (("person-4711", "Tab"), ("", "Tab"), ("ada-token-0123456789", "Tab"), ("", "Enter")):
            page.keyboard.type(typed)
            page.keyboard.press(pressed)
        expect(said).to_contain_text("waits for another operator")
        expect(page.get_by_label("Id of the user")).to_have_value("")
        receipt = said.inner_text().split()[0]
        expect(receipts).to_contain_text(receipt)
        for token, answer in (
            ("ada-token-0123456789", "ada asked for it: another operator has to confirm"),
            ("grace-token-987654321", f"{receipt} is confirmed: the erasure runs"),
        ):
            page.get_by_label("Receipt", exact=True).fill(receipt)
            page.get_by_label("Token of another operator").fill(token)
            page.get_by_role("button", name="Confirm").press("Enter")
            expect(said).to_contain_text(answer)
        expect(receipts).to_contain_text("by grace")
        expect(receipts).not_to_contain_text("person-4711")
        screenshot(page, "privacy")


def test_a_copy_is_downloaded_once_by_the_page_that_asked_and_the_page_says_who_confirms(
    tables: ClickHouseAddress, page: Page, tmp_path: Path
) -> None:
    with rights(tables, "ada:ada-token-0123456789") as address:
        page.goto(address)
        expect(page.get_by_test_id("rule")).to_contain_text("nobody confirms it")
        expect(page.get_by_role("button", name="Confirm")).to_have_count(0)
        said = page.get_by_test_id("said")
        page.get_by_label("Id of the user").fill("person-4711")
        page.get_by_label("Your token").fill("ada-token-0123456789")
        page.get_by_role("button", name="Ask for a copy").click()
        expect(said).to_contain_text("download the copy below")
        receipt = said.inner_text().split(":")[0]
        page.get_by_label("Receipt of a copy").fill(receipt)
        page.get_by_label("Token of who asks").fill("ada-token-0123456789")
        with page.expect_download() as begun:
            page.get_by_role("button", name="Download").click()
        begun.value.save_as(tmp_path / begun.value.suggested_filename)
        rows = [json.loads(each) for each in (tmp_path / f"tidegate-export-{receipt}.jsonl").read_text().splitlines()]
        assert rows == [{"table": "sessions", "row": {"pages": 2}}, {"table": "activity", "row": {"events": 3}}]
        expect(said).to_contain_text("1 of the devices were used by others too")
        expect(page.get_by_test_id("receipts")).to_contain_text("exported")
        for fetched in (begun.value.url, f"{address}/export/guessed"):
            assert httpx.get(fetched).status_code == 404


def test_without_operators_the_page_takes_nothing_and_claims_no_second_person(
    tables: ClickHouseAddress, page: Page, screenshot: Screenshot
) -> None:
    with rights(tables, "") as address:
        page.goto(address)
        expect(page.get_by_test_id("rule")).to_contain_text("nobody has to confirm what is asked there")
        expect(page.get_by_text("second operator")).to_have_count(0)
        expect(page.get_by_role("textbox")).to_have_count(0)
        screenshot(page, "privacy-shown")


def test_the_process_stays_small(dashboard: Dashboard, tables: ClickHouseAddress, page: Page) -> None:
    page.goto(dashboard.url)
    expect(page.get_by_test_id("live")).to_have_text("Live")

    assert psutil.Process(dashboard.pid).memory_full_info().pss < 150_000_000
    metrics = httpx.get(f"{dashboard.url}/metrics").text
    assert "tidegate_dashboard_watchers 1.0" in metrics
    assert tables.writer_password not in metrics
