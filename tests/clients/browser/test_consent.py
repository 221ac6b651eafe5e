"""Consent in a real browser: what is asked, what is stored, and what leaves the page."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from tests.clients.browser.conftest import DEADLINE_SECONDS, NOTHING, Gateway, Visit, on_device
from tests.waiting import wait_until

pytestmark = [pytest.mark.clients, pytest.mark.browser]

ASKED = "May we measure how this site is used?"


def choose(page: Page, name: str) -> None:
    page.get_by_role("button", name=name).click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def state(page: Page) -> dict[str, str]:
    found: dict[str, str] = json.loads(page.evaluate("localStorage.tidegate"))
    return found


def declined_only(page: Page) -> bool:
    """Whether the device holds that the visitor declined, and when, and nothing else."""
    local = on_device(page)["local"]
    kept = json.loads(local.pop("tidegate"))
    return bool(kept.pop("since")) and (local, kept) == ({}, {"choice": "denied"})


def test_before_a_choice_nothing_is_stored_and_events_have_no_ids(gateway: Gateway, visit: Visit) -> None:
    page = visit()
    page.evaluate("tidegate.identify('jane')")
    page.evaluate("tidegate.track('looked', {price: 2})")
    (event,) = gateway.wait_for("looked")
    assert (event["consent"], event["anonymous_id"], event["user_id"], event["session_id"]) == (
        "anonymous",
        None,
        None,
        None,
    )
    assert (event["properties"], event["service"]) == ('{"price":2}', "shop")
    assert on_device(page) == NOTHING
    page.reload()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert on_device(page) == NOTHING
    assert not any("jane" in json.dumps(body) for body in gateway.faults.bodies)


def test_after_accepting_the_device_has_an_id_and_the_next_page_asks_no_more(gateway: Gateway, visit: Visit) -> None:
    page = visit()
    page.evaluate("tidegate.identify('jane', {plan: 'pro'})")
    choose(page, "Accept")
    assert on_device(page) != NOTHING
    page.evaluate("tidegate.track('first')")
    gateway.wait_for("identify", "first")
    page.reload()
    page.evaluate("tidegate.track('second')")
    events = {event["name"]: event for event in gateway.wait_for("identify", "first", "second")}
    assert {event["consent"] for event in events.values()} == {"granted"}
    for field in ("anonymous_id", "user_id", "session_id"):
        assert len({event[field] for event in events.values()}) == 1
        assert events["first"][field]
    assert events["second"]["user_id"] == "jane"
    assert events["identify"]["traits"] == '{"plan":"pro"}'
    assert len({event["producer_id"] for event in events.values()}) == 2
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_reset_makes_another_visitor(gateway: Gateway, visit: Visit) -> None:
    page = visit()
    choose(page, "Accept")
    page.evaluate("tidegate.identify('jane'), tidegate.track('hers'), tidegate.reset(), tidegate.track('nobodys')")
    hers, nobodys = sorted(gateway.wait_for("hers", "nobodys"), key=lambda event: str(event["name"]))
    assert (hers["user_id"], nobodys["user_id"]) == ("jane", None)
    assert hers["anonymous_id"] != nobodys["anonymous_id"]


def test_declining_leaves_the_choice_alone_and_sends_counts_only(gateway: Gateway, visit: Visit) -> None:
    page = visit()
    gateway.wait_for("page")
    choose(page, "Decline")
    page.evaluate("tidegate.track('secret'), tidegate.track('secret')")
    assert declined_only(page)
    page.reload()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.evaluate("tidegate.track('secret')")
    page.close()

    def denied() -> int:
        rows = [row for row in gateway.outcomes() if row["reason"] == "consent_denied" and row["kind"] == "track"]
        return sum(row["quantity"] for row in rows)

    wait_until(lambda: denied() == 4, DEADLINE_SECONDS, "not all that was left out was reported: 3, and a page view")
    assert "secret" not in gateway.names()
    assert not any("secret" in json.dumps(body) for body in gateway.faults.bodies)
    closed = [row for row in gateway.outcomes() if row["outcome"] == "closed"]
    assert len({row["producer_id"] for row in closed}) == 2


def test_a_site_may_count_those_who_decline_without_ids(gateway: Gateway, visit: Visit) -> None:
    page = visit(attributes="data-when-declined=anonymous")
    choose(page, "Decline")
    page.evaluate("tidegate.track('counted')")
    (event,) = gateway.wait_for("counted")
    assert (event["consent"], event["anonymous_id"]) == ("anonymous", None)
    assert declined_only(page)


def test_a_site_may_send_nothing_before_a_choice(gateway: Gateway, visit: Visit) -> None:
    page = visit(attributes="data-before-consent=denied")
    page.evaluate("tidegate.track('early')")
    choose(page, "Accept")
    page.evaluate("tidegate.track('late')")
    (late,) = gateway.wait_for("late")
    assert late["sequence"] > 1
    assert sorted(gateway.names()) == ["consent", "late"]


def test_withdrawing_clears_the_device_and_what_waits(gateway: Gateway, visit: Visit) -> None:
    page = visit()
    choose(page, "Accept")
    page.evaluate("tidegate.track('wanted')")
    gateway.wait_for("wanted")
    gateway.faults.away = True
    page.evaluate("tidegate.track('taken_back')")
    assert len(on_device(page)["local"]) == 2
    page.get_by_role("button", name="Privacy settings").click()
    choose(page, "Decline")
    gateway.faults.away = False
    page.evaluate("tidegate.flush()")
    page.evaluate("tidegate.track('later')")
    assert declined_only(page)
    page.close()
    wait_until(lambda: any(row["outcome"] == "closed" for row in gateway.outcomes()), DEADLINE_SECONDS, "no closing")
    assert set(gateway.names()) == {"page", "consent", "wanted"}


def decisions(gateway: Gateway, number: int) -> list[tuple[str, str, bool]]:
    """State, consent of the event, and whether it says whose it is, of so many decisions."""
    events = wait_until(
        lambda: len(told := [event for event in gateway.events() if event["name"] == "consent"]) >= number and told,
        DEADLINE_SECONDS,
        f"{number} decisions have not come",
    )
    return [
        (json.loads(str(event["properties"]))["state"], str(event["consent"]), event["anonymous_id"] is not None)
        for event in events or []
    ]


def test_a_decision_is_told_and_only_a_withdrawal_and_a_yes_say_whose_it_is(gateway: Gateway, visit: Visit) -> None:
    page = visit(attributes="data-consent-version=2026-03")
    choose(page, "Decline")
    page.evaluate("tidegate.decline(), tidegate.flush()")
    assert decisions(gateway, 1) == [("denied", "anonymous", False)]
    page.evaluate("tidegate.grant(), tidegate.flush()")
    assert decisions(gateway, 2)[1:] == [("granted", "granted", True)]
    page.evaluate("tidegate.decline({ erase: true })")
    assert decisions(gateway, 3)[2:] == [("withdrawn", "denied", True)]
    properties = [json.loads(str(event["properties"])) for event in gateway.events() if event["name"] == "consent"]
    assert properties[-1] == {"erase": True, "state": "withdrawn", "version": "2026-03"}
    assert declined_only(page)


def test_a_withdrawal_goes_out_once_the_gateway_is_back(gateway: Gateway, visit: Visit) -> None:
    page = visit()
    choose(page, "Accept")
    page.evaluate("tidegate.flush()")
    decisions(gateway, 1)
    gateway.faults.away = True
    page.evaluate("tidegate.track('unsent'), tidegate.decline(), tidegate.flush()")
    gateway.faults.away = False
    page.evaluate("tidegate.flush()")
    assert decisions(gateway, 2)[1:] == [("withdrawn", "denied", True)]
    assert "unsent" not in gateway.names()


def test_a_withdrawal_in_one_tab_holds_in_all(gateway: Gateway, visit: Visit) -> None:
    one, other = visit(), visit()
    choose(one, "Accept")
    expect(other.get_by_role("dialog")).to_have_count(0)
    assert other.evaluate("tidegate.consent()") == "granted"
    one.evaluate("tidegate.decline()")
    # The browser tells its other processes in its own time.
    wait_until(lambda: other.evaluate("tidegate.consent()") == "denied", DEADLINE_SECONDS, "the other tab goes on")
    other.evaluate("tidegate.track('not_sent')")
    other.close()
    one.evaluate("tidegate.grant(), tidegate.track('sent')")
    gateway.wait_for("sent")
    assert "not_sent" not in gateway.names()


@pytest.mark.parametrize(
    ("property_name", "value", "header"), [("globalPrivacyControl", "true", "Sec-GPC"), ("doNotTrack", "'1'", "DNT")]
)
def test_a_browsers_signal_is_an_answer_already(
    gateway: Gateway, context: BrowserContext, visit: Visit, property_name: str, value: str, header: str
) -> None:
    context.add_init_script(
        f"Object.defineProperty(Navigator.prototype, '{property_name}', {{get: () => {value}, configurable: true}})"
    )
    context.set_extra_http_headers({header: "1"})
    page = visit()
    page.evaluate("tidegate.grant(), tidegate.identify('jane'), tidegate.track('looked')")
    (event,) = gateway.wait_for("looked")
    assert (event["consent"], event["anonymous_id"], event["user_id"]) == ("anonymous", None, None)
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert on_device(page) == NOTHING


def test_a_signal_that_comes_later_takes_back_what_was_granted(
    gateway: Gateway, context: BrowserContext, visit: Visit
) -> None:
    page = visit()
    choose(page, "Accept")
    assert on_device(page) != NOTHING
    context.add_init_script("Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true})")
    page.reload()
    assert on_device(page) == NOTHING
    page.evaluate("tidegate.track('looked')")
    (event,) = gateway.wait_for("looked")
    assert event["consent"] == "anonymous"
    assert decisions(gateway, 2)[1:] == [("anonymous", "denied", True)]


def test_the_banner_has_a_name_a_description_and_a_visible_focus(visit: Visit) -> None:
    page = visit(attributes="data-banner-link=/privacy")
    dialog = page.get_by_role("dialog", name=ASKED)
    expect(dialog).to_be_visible()
    expect(dialog).to_be_focused()
    expect(dialog).to_have_accessible_description(re.compile("Without it nothing is stored"))
    for role, name in (("link", "Privacy notice"), ("button", "Accept"), ("button", "Decline")):
        page.keyboard.press("Tab")
        target = dialog.get_by_role(role, name=name)  # type: ignore[arg-type]
        expect(target).to_be_focused()
        assert target.evaluate("it => getComputedStyle(it).outlineStyle") == "solid"
        assert target.evaluate("it => parseFloat(getComputedStyle(it).outlineWidth)") >= 2


def test_the_keyboard_alone_accepts(gateway: Gateway, visit: Visit) -> None:
    page = visit()
    expect(page.get_by_role("dialog")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.evaluate("tidegate.consent()") == "granted"


def test_escape_puts_the_question_off_and_stores_nothing(visit: Visit) -> None:
    page = visit()
    expect(page.get_by_role("dialog")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.evaluate("tidegate.consent()") == "anonymous"
    assert on_device(page) == NOTHING


def test_asked_again_the_focus_comes_to_the_banner_and_goes_back(visit: Visit) -> None:
    page = visit()
    choose(page, "Decline")
    settings = page.get_by_role("button", name="Privacy settings")
    settings.press("Enter")
    expect(page.get_by_role("dialog")).to_be_focused()
    page.keyboard.press("Escape")
    expect(settings).to_be_focused()
    assert page.evaluate("tidegate.consent()") == "denied"


def test_a_site_gives_the_banner_its_texts_and_its_looks(visit: Visit) -> None:
    page = visit(attributes="data-banner-title=Einverstanden? data-banner-accept=Ja data-banner-decline=Nein")
    dialog = page.get_by_role("dialog", name="Einverstanden?")
    expect(dialog.get_by_role("button")).to_have_text(["Ja", "Nein"])
    page.evaluate("document.documentElement.style.setProperty('--tidegate-background', 'rgb(1, 2, 3)')")
    assert dialog.evaluate("box => getComputedStyle(box).backgroundColor") == "rgb(1, 2, 3)"


def test_both_answers_look_alike(visit: Visit) -> None:
    page = visit()
    looks = "it => { const s = getComputedStyle(it); return [s.color, s.backgroundColor, s.font, s.border, s.padding] }"
    accept, decline = (page.get_by_role("button", name=name).evaluate(looks) for name in ("Accept", "Decline"))
    assert accept == decline


def test_without_the_banner_the_site_asks(gateway: Gateway, visit: Visit) -> None:
    page = visit(attributes="data-banner=off")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.evaluate("tidegate.grant(), tidegate.track('asked_by_the_site')")
    (event,) = gateway.wait_for("asked_by_the_site")
    assert event["consent"] == "granted"


AGED = """days => {
    const kept = JSON.parse(localStorage.tidegate);
    localStorage.tidegate = JSON.stringify({...kept, since: Date.now() - days * 864e5});
}"""


@pytest.mark.parametrize("answer", ["Accept", "Decline"])
def test_a_choice_is_asked_anew_within_13_months_and_no_visit_prolongs_it(visit: Visit, answer: str) -> None:
    page = visit()
    choose(page, answer)
    page.evaluate(AGED, 389)
    before = json.loads(page.evaluate("localStorage.tidegate"))
    page.reload()
    page.evaluate("tidegate.track('looked')")
    if answer == "Accept":
        page.evaluate("tidegate.reset()")
    kept = json.loads(page.evaluate("localStorage.tidegate"))
    assert (kept["since"], kept["choice"]) == (before["since"], before["choice"])

    page.evaluate(AGED, 390)
    page.reload()
    expect(page.get_by_role("dialog")).to_have_count(1)
    page.evaluate("tidegate.track('looked')")
    assert on_device(page) == NOTHING
