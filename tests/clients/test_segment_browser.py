"""@segment/analytics-next in a real Chromium, on a page of another origin than the gateway's."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect
from tests.clients.lossy_link import LossyLink
from tests.clients.segment_script import CALLS, DUPLICATES, ROWS, Script, check
from tests.clients.site import Site
from tests.clients.stack import Stack

pytestmark = [
    pytest.mark.clients,
    pytest.mark.broker,
    pytest.mark.clickhouse,
    pytest.mark.browser,
    pytest.mark.timeout(300),
]

SENT_MS = 60_000
BROWSER_CALLS = CALLS - {"screen"}


def send(page: Page, address: str) -> None:
    """Opens the page and has it send the script; comes back when the client says that all is delivered."""
    page.goto(address)
    page.get_by_role("button", name="Send").click()
    expect(page).to_have_title("sent", timeout=SENT_MS)
    assert page.evaluate("failures") == []


@pytest.mark.parametrize("batching", [False, True])
def test_every_call_is_found_once(stack: Stack, pages: Site, page: Page, mark: str, batching: bool) -> None:
    script, asked = Script(mark), list[str]()
    page.on("request", lambda request: asked.append(urlsplit(request.url).path))
    facts = {**script.facts, "url": stack.gateway_url, "key": stack.write_key, "batching": batching}
    send(page, pages.page("segment.html", **facts))
    check(stack, script, BROWSER_CALLS, signed_out={"page"})
    assert ("/v1/b" in asked, "/v1/t" in asked) == (batching, not batching)
    assert f"/v1/projects/{stack.write_key}/settings" in asked


def test_calls_count_once_whose_answer_died_with_the_gateway(stack: Stack, pages: Site, page: Page, mark: str) -> None:
    script, link = Script(mark), LossyLink(int(urlsplit(stack.gateway_url).port or 0), lambda: stack.kill("gateway"))
    (before,) = stack.rows(DUPLICATES)
    page.goto(pages.page("segment.html", **script.facts, url=link.url, key=stack.write_key, batching=False))
    page.wait_for_function("analytics.instance?.initialized")
    link.lose(1)
    page.get_by_role("button", name="Send").click()
    expect(page).to_have_title("sent", timeout=SENT_MS)
    assert link.all_lost.wait(60)
    stack.start("gateway")
    check(stack, script, BROWSER_CALLS, signed_out={"page"})
    link.close()
    assert [answer.split()[1] for answer in link.lost] == [b"200"]
    (after,) = stack.rows(DUPLICATES)
    assert after["copies"] > before["copies"]


def test_what_waits_in_a_batch_is_sent_when_the_visitor_leaves(
    stack: Stack, pages: Site, page: Page, mark: str
) -> None:
    script = Script(mark)
    facts = {**script.facts, "url": stack.gateway_url, "key": stack.write_key, "batching": True, "waits": True}
    page.goto(pages.page("segment.html", **facts))
    page.get_by_role("button", name="Leave").click()
    expect(page).to_have_title("left", timeout=SENT_MS)
    assert stack.rows(ROWS, service=mark) == []
    page.goto("about:blank")
    (row,) = stack.arrived(ROWS, 1, service=mark)
    assert row["name"] == "Left"


def test_a_key_that_is_wrong_is_told_to_the_page(stack: Stack, pages: Site, page: Page) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    with page.expect_response(lambda response: response.url.endswith("/settings")) as answered:
        page.goto(pages.page("segment.html", url=stack.gateway_url, key="wrong", happened="2026-01-01"))
    assert answered.value.status == 401
    assert "unauthorised" in answered.value.text()
