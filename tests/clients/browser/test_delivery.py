"""Bad networks, reloads and dying tabs: what was numbered arrives once, or is counted, or lies within the bound."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from tests.clients.browser.conftest import DEADLINE_SECONDS, Gateway, Visit
from tests.waiting import wait_until

pytestmark = [pytest.mark.clients, pytest.mark.browser]

QUIET = "data-vitals=off data-requests=off data-pages=off data-banner=off"


def numbers(gateway: Gateway, producer: str) -> list[int]:
    return sorted(int(event["sequence"]) for event in gateway.events() if event["producer_id"] == producer)


def last_numbers(gateway: Gateway) -> dict[str, int]:
    """By producer, for pages that said that they closed."""
    rows: list[dict[str, Any]] = [row for row in gateway.outcomes() if row["outcome"] == "closed"]
    return {row["producer_id"]: max(each["quantity"] for each in rows if each["producer_id"] == row["producer_id"])
            for row in rows}  # fmt: skip


def ids_sent(gateway: Gateway, name: str) -> list[str]:
    """In the order of bodies."""
    sent = (event for body in gateway.faults.bodies for event in body["events"])
    return [event["id"] for event in sent if event.get("name") == name]


def kill_tabs(browser: Browser, *tabs: Page) -> None:
    """SIGKILL for every process that draws a page, as when memory runs out; `tabs` are the ones that were open."""
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    for process in processes:
        if process["type"] == "renderer":
            os.kill(process["id"], signal.SIGKILL)
    session.detach()
    for tab in tabs:
        tab.close()


def test_a_gateway_that_is_away_gets_the_same_ids_again(gateway: Gateway, visit: Visit) -> None:
    page = visit(attributes=QUIET)
    gateway.faults.away = True
    page.evaluate("tidegate.track('patient')")
    wait_until(lambda: len(ids_sent(gateway, "patient")) >= 2, DEADLINE_SECONDS, "not tried twice")
    assert gateway.events() == []
    gateway.faults.away = False
    gateway.wait_for("patient")
    assert len(set(ids_sent(gateway, "patient"))) == 1
    assert len(gateway.records("track")) == 1


def test_what_happens_offline_arrives_once_the_network_is_back(
    gateway: Gateway, context: BrowserContext, visit: Visit
) -> None:
    page = visit(attributes=QUIET)
    context.set_offline(True)
    page.evaluate("for (let i = 0; i < 20; i++) tidegate.track('offline')")
    page.evaluate("tidegate.flush()")
    assert gateway.events() == []
    context.set_offline(False)
    wait_until(lambda: len(gateway.events()) == 20, DEADLINE_SECONDS, "not all arrived")
    (producer,) = {event["producer_id"] for event in gateway.events()}
    assert numbers(gateway, producer) == list(range(1, 21))


def test_a_full_queue_drops_the_newest_and_counts_them(gateway: Gateway, context: BrowserContext, visit: Visit) -> None:
    page = visit(attributes=QUIET)
    context.set_offline(True)
    page.evaluate("for (let i = 0; i < 620; i++) tidegate.track('many')")
    context.set_offline(False)
    page.evaluate("dispatchEvent(new Event('online'))")

    def full() -> int:
        return sum(int(row["quantity"]) for row in gateway.outcomes() if row["reason"] == "queue_full")

    wait_until(lambda: full() + len(gateway.events()) == 620, DEADLINE_SECONDS, "kept and dropped aren't all")
    (producer,) = {event["producer_id"] for event in gateway.events()}
    assert numbers(gateway, producer) == list(range(1, 501))


def test_an_event_that_is_too_large_is_counted(gateway: Gateway, visit: Visit) -> None:
    page = visit(attributes=QUIET)
    page.evaluate("tidegate.track('large', {text: 'ä'.repeat(20000)}), tidegate.track('small')")
    gateway.wait_for("small")
    assert [(row["reason"], row["quantity"]) for row in gateway.outcomes()] == [("oversize", 1)]


@pytest.mark.parametrize("granted", [True, False])
def test_a_reload_loses_nothing_and_says_that_the_page_closed(gateway: Gateway, visit: Visit, granted: bool) -> None:
    page = visit(attributes=QUIET)
    if granted:
        page.evaluate("tidegate.grant()")  # which is an event, too
    for _ in range(3):
        page.evaluate("for (let i = 0; i < 10; i++) tidegate.track('last_words')")
        page.reload()
    wait_until(lambda: len(gateway.events()) == 30 + granted, DEADLINE_SECONDS, "not all arrived")
    wait_until(lambda: len(last_numbers(gateway)) == 3, DEADLINE_SECONDS, "not all said that they closed")
    assert sorted(last_numbers(gateway).values()) == [10, 10, 10 + granted]
    for producer, last in last_numbers(gateway).items():
        assert numbers(gateway, producer) == list(range(1, last + 1))


def test_with_consent_what_a_killed_tab_had_tracked_is_sent_by_the_next_page(
    gateway: Gateway, browser: Browser, context: BrowserContext, visit: Visit
) -> None:
    page = visit(attributes=QUIET)
    other = visit("/other", attributes=QUIET)
    page.evaluate("tidegate.grant(), tidegate.flush()")
    gateway.faults.away = True
    page.evaluate("for (let i = 0; i < 25; i++) tidegate.track('before_the_kill')")
    wait_until(lambda: kept(other) == 25, DEADLINE_SECONDS, "the browser doesn't have them")
    kill_tabs(browser, page, other)
    gateway.faults.away = False
    assert last_numbers(gateway) == {}
    visit("/next", attributes=QUIET)
    wait_until(lambda: len(gateway.events()) == 26, DEADLINE_SECONDS, "not all arrived")
    (producer,) = {event["producer_id"] for event in gateway.events()}
    assert numbers(gateway, producer) == list(range(1, 27))


def kept(page: Page) -> int:
    """Events on the device."""
    queues = page.evaluate(
        "Object.entries(localStorage).filter(([k]) => k.startsWith('tidegate.q.')).map(([, v]) => v)"
    )
    return sum(str(queue).count("before_the_kill") for queue in queues)


def test_without_consent_a_killed_tab_loses_at_most_what_waited_and_never_says_that_it_closed(
    gateway: Gateway, browser: Browser, visit: Visit
) -> None:
    page = visit(attributes=QUIET)
    page.evaluate("for (let i = 0; i < 10; i++) tidegate.track('sent')")
    wait_until(lambda: len(gateway.events()) == 10, DEADLINE_SECONDS, "not all arrived")
    page.evaluate("for (let i = 0; i < 5; i++) tidegate.track('waiting')")
    kill_tabs(browser, page)
    after = visit("/next", attributes=QUIET)
    after.evaluate("tidegate.track('after')")
    gateway.wait_for("after")
    killed = next(event["producer_id"] for event in gateway.events() if event["name"] == "sent")
    assert numbers(gateway, killed) in (list(range(1, 11)), list(range(1, 16)))
    assert killed not in last_numbers(gateway)


def test_pages_that_were_left_offline_keep_a_bounded_lot_on_the_device(
    gateway: Gateway, context: BrowserContext, visit: Visit
) -> None:
    visit(attributes=QUIET).evaluate("tidegate.grant(), tidegate.flush()")
    gateway.faults.away = True
    for _ in range(12):
        page = visit(attributes=QUIET)
        page.evaluate("tidegate.track('left')")
        page.close()
    gateway.faults.away = False
    visit(attributes=QUIET)

    def dropped() -> set[str]:
        return {str(row["producer_id"]) for row in gateway.outcomes() if row["reason"] == "queue_full"}

    def accounted() -> set[str]:
        """Pages; one whose last beacon met the gateway again may be stored and dropped, and counts as stored."""
        return dropped() | {str(event["producer_id"]) for event in gateway.events() if event["name"] == "left"}

    wait_until(lambda: len(accounted()) == 12, DEADLINE_SECONDS, "sent and dropped aren't all")
    assert 1 <= len(dropped()) <= 2
    wait_until(lambda: accounted() <= set(last_numbers(gateway)), DEADLINE_SECONDS, "not all are known to have closed")


def test_a_wrong_key_gives_up_and_keeps_nothing(gateway: Gateway, visit: Visit) -> None:
    page = visit(attributes=f"{QUIET} data-gateway={gateway.url}")
    page.evaluate("tidegate.grant(), tidegate.flush()")
    gateway.publisher.records.clear()
    page.route("**/v1/beacon", lambda route: route.fulfill(status=401, body="{}"))
    page.evaluate("tidegate.track('refused')")
    page.evaluate("tidegate.flush()")
    page.evaluate("tidegate.flush()")
    page.unroute("**/v1/beacon")
    page.evaluate("tidegate.track('taken')")
    gateway.wait_for("taken")
    told = [(row["kind"], row["reason"], row["quantity"]) for row in gateway.outcomes() if row["outcome"] == "dropped"]
    assert told == [("track", "undeliverable", 1)]
    assert "refused" not in gateway.names()
