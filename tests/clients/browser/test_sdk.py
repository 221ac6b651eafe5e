"""What a page sends by itself and by calls, in a real browser."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import pytest
from playwright.sync_api import Page
from tests.clients.browser.conftest import DEADLINE_SECONDS, NOTHING, Gateway, Visit, on_device
from tests.waiting import wait_until

pytestmark = [pytest.mark.clients, pytest.mark.browser]

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def test_a_page_numbers_its_events_from_one_and_mints_their_ids(gateway: Gateway, visit: Visit) -> None:
    page = visit(attributes="data-vitals=off data-requests=off")
    page.evaluate("for (let i = 0; i < 300; i++) tidegate.track('step')")
    wait_until(lambda: len(gateway.events()) == 301, DEADLINE_SECONDS, "not all arrived")
    events = sorted(gateway.events(), key=lambda event: int(event["sequence"]))
    assert [event["sequence"] for event in events] == list(range(1, 302))
    assert len({event["producer_id"] for event in events}) == 1
    assert all(UUID7.fullmatch(event["event_id"]) for event in events)
    assert events[0]["type"] == "page"


def test_views_follow_the_history_of_a_single_page(gateway: Gateway, visit: Visit) -> None:
    page = visit("/start?secret=1&utm_source=mail")
    page.evaluate("history.pushState(null, '', '/agents/42?page=2')")
    page.evaluate("history.replaceState(null, '', '/agents/42?page=3')")
    page.evaluate("history.pushState(null, '', '/agents/42/edit#top')")
    page.go_back()
    page.evaluate("location.hash = '#/settings'")
    wait_until(lambda: len(gateway.events()) == 5, DEADLINE_SECONDS, "not five views")
    views = sorted(gateway.events(), key=lambda event: int(event["sequence"]))
    paths = [json.loads(view["properties"])["path"] for view in views]
    assert paths == ["/start", "/agents/{id}", "/agents/{id}/edit", "/agents/{id}", "/agents/{id}#/settings"]
    assert json.loads(views[0]["properties"])["utm_source"] == "mail"
    assert all(view["url"].endswith(path) for view, path in zip(views[:2], ("/start", "/agents/42"), strict=True))
    assert [after["referrer"] for _, after in pairwise(views)] == [before["url"] for before, _ in pairwise(views)]
    assert not any("secret" in json.dumps(body) for body in gateway.faults.bodies)


def test_errors_come_with_name_message_stack_and_route(gateway: Gateway, visit: Visit) -> None:
    page = visit("/orders/7")
    page.evaluate("setTimeout(() => null.x)")
    page.evaluate("Promise.reject(new RangeError('too far')), null")
    page.evaluate("tidegate.error(new SyntaxError('caught'), {step: 3})")
    errors = {
        event["name"]: event for event in gateway.wait_for("TypeError", "RangeError", "SyntaxError", kind="error")
    }
    assert [errors[name]["handled"] for name in ("TypeError", "RangeError", "SyntaxError")] == [False, False, True]
    assert "null" in errors["TypeError"]["message"]
    assert errors["RangeError"]["message"] == "too far"
    assert {error["route"] for error in errors.values()} == {"/orders/{id}"}
    assert errors["SyntaxError"]["properties"] == '{"step":3}'
    assert all(error["consent"] == "anonymous" for error in errors.values())


def test_a_request_says_its_method_and_goes_on_as_it_was(gateway: Gateway, visit: Visit) -> None:
    page = visit()
    page.evaluate("fetch(new Request('/made#there', {method: 'POST', body: 'x'}))")
    page.evaluate("fetch(new URL('/changed', location.href), {method: 'put'})")
    page.evaluate("{const x = new XMLHttpRequest(); x.open('DELETE', '/gone'); x.send()}")
    answer = page.evaluate("fetch('/seen').then((answer) => answer.text())")
    refused = page.evaluate("fetch('http://[nowhere').catch((error) => error.name)")
    wait_until(lambda: len(gateway.events("span")) == 4, DEADLINE_SECONDS, "not four spans")
    found = {span["route"]: span["method"] for span in gateway.events("span")}
    assert found == {"/made": "POST", "/changed": "PUT", "/gone": "DELETE", "/seen": "GET"}
    assert "<h1>Shop</h1>" in answer
    assert refused == "TypeError"


def test_a_loop_of_errors_is_cut_and_counted(gateway: Gateway, visit: Visit) -> None:
    page = visit()
    page.evaluate("for (let i = 0; i < 130; i++) tidegate.error(new Error('again'))")
    page.evaluate("tidegate.flush()")
    page.close()
    wait_until(
        lambda: [row["quantity"] for row in gateway.outcomes() if row["kind"] == "error"] == [30],
        DEADLINE_SECONDS,
        "the errors past the first hundred weren't reported",
    )
    assert len(gateway.events("error")) == 100


def test_requests_of_the_page_are_timed_but_not_the_sdks_own(gateway: Gateway, visit: Visit) -> None:
    page = visit()
    page.evaluate("fetch('/api/200?token=secret')")
    page.evaluate("fetch('/api/503')")
    page.evaluate("{const x = new XMLHttpRequest(); x.open('GET', '/api/404'); x.send()}")
    wait_until(lambda: len(gateway.events("span")) == 3, DEADLINE_SECONDS, "not three spans")
    page.evaluate("tidegate.flush()")
    spans = {span["status_code"]: span for span in gateway.events("span")}
    assert {code: span["status"] for code, span in spans.items()} == {200: "ok", 503: "error", 404: "error"}
    assert {span["route"] for span in spans.values()} == {"/api/{id}"}
    assert all(span["operation"] == "client" and span["duration_seconds"] > 0 for span in spans.values())
    assert len(gateway.events("span")) == 3
    assert not any("secret" in json.dumps(body) for body in gateway.faults.bodies)


def told(page: Page, entry: str) -> None:
    """Wait until the browser tells of an entry: the SDK's observer is older than this one, and told before it."""
    observed = f"new PerformanceObserver(told).observe({{type: '{entry}', buffered: true}})"
    page.evaluate(f"new Promise(told => {observed})")


def test_web_vitals_arrive_when_the_page_is_left(gateway: Gateway, visit: Visit) -> None:
    page = visit("/agents/42")
    told(page, "paint")
    told(page, "largest-contentful-paint")
    page.get_by_role("button", name="Export").click()
    told(page, "first-input")
    page.evaluate("new Promise(requestAnimationFrame)")
    page.close()
    names = {f"browser.web_vital.{name}" for name in ("fcp", "ttfb", "lcp", "cls", "inp")}
    vitals = {event["name"]: event for event in gateway.wait_for(*names, kind="metric")}
    assert {vital["attributes"] for vital in vitals.values()} == {'{"route":"/agents/{id}"}'}
    units = {name.rpartition(".")[2]: vital["unit"] for name, vital in vitals.items()}
    assert units == {"fcp": "s", "ttfb": "s", "lcp": "s", "cls": "1", "inp": "s"}
    seconds = [vitals[f"browser.web_vital.{name}"]["sum"] for name in ("ttfb", "fcp", "lcp", "inp")]
    assert all(0 <= value < 30 for value in seconds)
    assert vitals["browser.web_vital.lcp"]["sum"] >= vitals["browser.web_vital.ttfb"]["sum"]
    assert all(vital["count"] == 1 for vital in vitals.values())


def test_a_marked_element_is_a_feature(gateway: Gateway, visit: Visit) -> None:
    page = visit()
    page.get_by_role("button", name="Export").click()
    (event,) = gateway.wait_for("feature_used")
    assert event["feature"] == "export"


def test_calls_before_the_script_are_made_when_it_is_there(gateway: Gateway, visit: Visit) -> None:
    page = visit(attributes="data-pages=off")
    page.add_init_script("(window.tidegate ??= []).push(['track', 'early', {n: 1}])")
    page.reload()
    (event,) = gateway.wait_for("early")
    assert event["properties"] == '{"n":1}'


def test_what_is_sampled_carries_its_weight_and_the_rest_is_counted(gateway: Gateway, visit: Visit) -> None:
    page = visit(attributes="data-sample-rates={%22track%22:0.5} data-pages=off")
    page.evaluate("for (let i = 0; i < 400; i++) tidegate.track('often')")
    page.evaluate("tidegate.flush()")
    page.close()

    def sampled() -> int:
        return sum(int(row["quantity"]) for row in gateway.outcomes() if row["reason"] == "sampled")

    wait_until(lambda: sampled() + len(gateway.events()) == 400, DEADLINE_SECONDS, "kept and left out aren't all")
    assert 120 < sampled() < 280
    assert {event["sample_rate"] for event in gateway.events()} == {0.5}


def test_numbers_left_out_are_told_by_report_however_many_they_are(gateway: Gateway, visit: Visit) -> None:
    page = visit(attributes="data-sample-rates={%22track%22:0.001} data-pages=off data-vitals=off data-requests=off")
    page.evaluate("for (let i = 0; i < 2600; i++) tidegate.track('rare')")
    page.close()

    def numbers() -> list[int]:
        pairs = [row["sequences"] for row in gateway.outcomes() if row["reason"] == "sampled"]
        return [
            n
            for told in pairs
            for first, last in zip(told[::2], told[1::2], strict=True)
            for n in range(first, last + 1)
        ]

    def all_numbers() -> list[int]:
        return sorted([*numbers(), *(int(event["sequence"]) for event in gateway.events())])

    wait_until(lambda: len(all_numbers()) == 2600, DEADLINE_SECONDS, "not every number was accounted for")
    assert all_numbers() == list(range(1, 2601))


def test_bad_calls_do_not_raise_into_the_page(gateway: Gateway, visit: Visit) -> None:
    page = visit()
    thrown = page.evaluate(
        """() => { const loop = {}; loop.self = loop;
            try { tidegate.track('circular', loop); tidegate.track('big', {n: 1n}); tidegate.track('after') }
            catch (error) { return String(error) } }"""
    )
    assert thrown is None
    gateway.wait_for("after")
    page.close()
    wait_until(
        lambda: [row["quantity"] for row in gateway.outcomes() if row["reason"] == "invalid_field"] == [2],
        DEADLINE_SECONDS,
        "two calls that can't be sent weren't counted",
    )


def test_a_strict_policy_lets_the_sdk_do_all_it_does(gateway: Gateway, visit: Visit) -> None:
    page = visit()
    complaints = violations(page)
    page.get_by_role("button", name="Accept").click()
    page.evaluate("tidegate.track('within_the_policy')")
    gateway.wait_for("within_the_policy")
    assert on_device(page) != NOTHING
    assert complaints == []
    page.evaluate("{const s = document.createElement('style'); s.textContent = 'p{}'; document.head.append(s)}")
    wait_until(lambda: page.evaluate("1") and complaints, DEADLINE_SECONDS, "the policy let a style sheet through")


def violations(page: Page) -> list[str]:
    """What the console says from now on."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    return said
