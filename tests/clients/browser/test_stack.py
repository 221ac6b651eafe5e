"""Pages on a whole stack: what they tracked is in ClickHouse once, and the ledger accounts for every number."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from tests.clients.browser.conftest import DEADLINE_SECONDS, serving, shop
from tests.clients.browser.test_delivery import kill_tabs
from tests.clients.stack import Stack
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.clients,
    pytest.mark.browser,
    pytest.mark.broker,
    pytest.mark.clickhouse,
    pytest.mark.timeout(400),
]

EVENTS = "SELECT * FROM analytics.events WHERE service = {service:String} AND name = {name:String} ORDER BY sequence"
ERRORS = "SELECT * FROM analytics.errors WHERE service = {service:String}"
SPANS = "SELECT * FROM analytics.spans WHERE service = {service:String}"
VITALS = """
SELECT name, unit, sum(count) AS count, sum(sum) AS total, tupleElement(sumMap(sketch), 2) AS counts
FROM analytics.metric_windows WHERE service = {service:String} GROUP BY name, unit ORDER BY name
"""
PRODUCERS = """
SELECT producer_kind, state, sent, stored, dropped, dead_lettered, missing, in_flight FROM analytics.producers
WHERE producer_id IN (SELECT producer_id FROM analytics.events WHERE service = {service:String}) ORDER BY sent
"""


def visit(context: BrowserContext, site: str, path: str = "/") -> Page:
    page = context.new_page()
    page.goto(site + path)
    return page


def test_a_visit_is_in_every_table_once_and_balances(stack: Stack, context: BrowserContext, mark: str) -> None:
    with serving(shop(stack.gateway_url, stack.write_key, mark)) as site:
        page = visit(context, site, "/orders/42")
        page.get_by_role("button", name="Accept").click()
        page.evaluate("tidegate.identify('jane')")
        page.evaluate("for (let i = 0; i < 20; i++) tidegate.track('bought', {n: i})")
        page.get_by_role("button", name="Export").click()
        page.evaluate("tidegate.error(new RangeError('too far'))")
        page.evaluate("fetch('/api/503')")
        wait_until(lambda: page.evaluate("performance.getEntriesByName(location.origin + '/api/503').length"), 30, "no")
        bought = stack.arrived(EVENTS, 20, service=mark, name="bought")
        page.evaluate("tidegate.decline(), tidegate.track('unseen'), tidegate.track('unseen')")
        page.close()
        stack.arrived(EVENTS, 1, service=mark, name="page")
        (feature,) = stack.arrived(EVENTS, 1, service=mark, name="feature_used")
        (error,) = stack.arrived(ERRORS, 1, service=mark)
        stack.arrived(EVENTS, 0, service=mark, name="unseen")
    assert [row["properties"]["n"] for row in bought] == list(range(20))
    assert len({row["visitor"] for row in bought}) == len({row["user"] for row in bought}) == 1
    assert bought[0]["visitor"]
    assert bought[0]["user"]
    assert feature["feature"] == "export"
    assert (error["name"], error["route"]) == ("RangeError", "/orders/{id}")
    (producer,) = wait_until(
        lambda: [row for row in stack.rows(PRODUCERS, service=mark) if row["state"] == "closed"], 60, "not closed"
    )
    assert (producer["producer_kind"], producer["missing"], producer["dead_lettered"]) == ("browser", 0, 0)
    assert producer["sent"] == producer["stored"] + producer["dropped"]
    assert producer["dropped"] >= 2


def test_web_vitals_have_percentiles(stack: Stack, context: BrowserContext, mark: str) -> None:
    with serving(shop(stack.gateway_url, stack.write_key, mark)) as site:
        for _ in range(3):
            page = visit(context, site)
            expect(page.get_by_role("heading", name="Shop")).to_be_visible()
            page.evaluate("new Promise(requestAnimationFrame)")
            page.close()
        rows = stack.arrived(VITALS, 4, service=mark)
        wait_until(lambda: all(row["count"] == 3 for row in stack.rows(VITALS, service=mark)), 60, "not three of each")
    names = [(row["name"], row["unit"]) for row in rows]
    assert names == [(f"browser.web_vital.{name}", unit) for name, unit in
                     (("cls", "1"), ("fcp", "s"), ("lcp", "s"), ("ttfb", "s"))]  # fmt: skip
    assert all(sum(row["counts"]) == row["count"] for row in stack.rows(VITALS, service=mark))


def test_a_gateway_and_a_tab_that_are_killed_cost_nothing_with_consent(
    stack: Stack, browser: Browser, context: BrowserContext, mark: str
) -> None:
    with serving(shop(stack.gateway_url, stack.write_key, mark)) as site:
        page = visit(context, site)
        page.get_by_role("button", name="Accept").click()
        page.evaluate("for (let i = 0; i < 10; i++) tidegate.track('early')")
        stack.arrived(EVENTS, 10, service=mark, name="early")
        page.evaluate("for (let i = 0; i < 30; i++) tidegate.track('unanswered')")
        stack.kill("gateway")
        page.evaluate("for (let i = 0; i < 10; i++) tidegate.track('alone')")
        other = context.new_page()
        other.goto(f"{site}/api/200")
        wait_until(
            lambda: str(other.evaluate("({...localStorage})")).count("alone") == 10, DEADLINE_SECONDS, "not kept"
        )
        kill_tabs(browser, page, other)
        stack.start("gateway")
        after = visit(context, site, "/after")
        stack.arrived(EVENTS, 10, service=mark, name="alone")
        stack.arrived(EVENTS, 30, service=mark, name="unanswered")
        after.close()
        wait_until(
            lambda: [row["state"] for row in stack.rows(PRODUCERS, service=mark)] == ["closed"] * 2, 60, "not closed"
        )
    assert [row["missing"] for row in stack.rows(PRODUCERS, service=mark)] == [0, 0]
