"""Pages in a real Chromium that are closed, or killed, and what each of them knows that it tracked."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from tests.clients.browser.conftest import serving, shop
from tests.faults.stack import Stack
from tests.waiting import wait_until

from tidegate_infra.browser_bundle import ensure_bundle
from tidegate_infra.maven import default_cache
from tidegate_schemas.consent import DECISION

VISITED = "visited"
MOST_EVENTS = 60
#: Nothing but what the test tracks is numbered.
QUIET = "data-vitals=off data-requests=off data-pages=off data-banner=off"
ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-dev-shm-usage", "--disable-gpu"]


@dataclass
class Visit:
    """A page, by the token that its events carry: how many it has tracked, and how it ended."""

    token: str
    page: Page
    context: BrowserContext
    consents: bool
    tracked: int = 0
    killed: bool = False


class Account(NamedTuple):
    """What the ledger says of a page."""

    state: str
    tail_at_most: int
    last_number: int
    stored: int
    dropped: int
    nowhere: int


class Pages:
    """Visitors of a site. Those with consent share a browser's profile, the others have one each."""

    def __init__(self, browser: Browser, site: str, rng: Random) -> None:
        self._browser, self._site, self._rng = browser, site, rng
        self._regulars = browser.new_context()
        self._open: list[Visit] = []
        self.visits: list[Visit] = []

    def open(self, *, consents: bool) -> Visit:
        """Somebody comes, and consents or says nothing."""
        context = self._regulars if consents else self._browser.new_context()
        page = context.new_page()
        page.goto(f"{self._site}/?attributes={QUIET}")
        page.wait_for_function("typeof window.tidegate?.grant === 'function'")
        if consents:
            page.evaluate("tidegate.grant()")
        visit = Visit(f"page-{len(self.visits)}", page, context, consents)
        self._open.append(visit)
        self.visits.append(visit)
        return visit

    def track(self, visit: Visit) -> None:
        """Its page tracks some events; when this returns they are numbered."""
        count = self._rng.randrange(1, MOST_EVENTS)
        call = f"([token, count]) => {{ for (let n = 0; n < count; n++) tidegate.track('{VISITED}', {{page: token}}) }}"
        visit.page.evaluate(call, [visit.token, count])
        visit.tracked += count

    def live_on(self) -> None:
        """One comes, all that are there track something, and then nothing happens, one leaves, or all are killed."""
        self.open(consents=self._rng.random() < 0.5)
        for visit in self._open:
            self.track(visit)
        match self._rng.choice(("nothing", "leave", "leave", "kill")):
            case "leave":
                self._leave(self._open.pop(self._rng.randrange(len(self._open))))
            case "kill":
                self.kill()

    def _leave(self, visit: Visit) -> None:
        visit.page.close(run_before_unload=False)
        if not visit.consents:
            visit.context.close()

    def kill(self) -> None:
        """SIGKILL for every process that draws a page, as when memory runs out."""
        session = self._browser.new_browser_cdp_session()
        for process in session.send("SystemInfo.getProcessInfo")["processInfo"]:
            if process["type"] == "renderer":
                os.kill(process["id"], signal.SIGKILL)
        session.detach()
        for visit in self._open:
            visit.killed = True
            self._leave(visit)
        self._open = []

    def end(self) -> None:
        """One of each kind is killed as it tracks; a regular comes once more, which sends what was left; all leave."""
        for consents in (False, True):
            self.track(self.open(consents=consents))
        self.kill()
        last = self.open(consents=True)
        self.track(last)
        kept = "Object.keys(localStorage).filter((key) => key.includes('queue')).length === 0"
        wait_until(lambda: last.page.evaluate(kept), 60, "what killed pages left is not sent")
        while self._open:
            self._leave(self._open.pop())


@contextmanager
def visiting(gateway_url: str, key: str, rng: Random) -> Iterator[Pages]:
    """A site at an origin of its own, and a Chromium."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path, "no chromium on the PATH; install Debian's package: apt-get install chromium"
    ensure_bundle(default_cache())
    with serving(shop(gateway_url, key)) as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield Pages(browser, site, rng)
        browser.close()


def archived(stack: Stack) -> dict[str, tuple[str, int]]:
    """By a page's token: who numbered its events, and how many are there. A page of which none came is in no place."""
    rows = stack.client.query(
        "SELECT properties.page::String, any(producer_id), uniqExact(event_id) FROM tidegate.events_track "
        "WHERE name = {name:String} GROUP BY 1",
        parameters={"name": VISITED},
    ).result_rows
    return {str(token): (str(producer), int(count)) for token, producer, count in rows}


def decisions(stack: Stack) -> dict[str, int]:
    """By who numbered them: the events by which pages tell that somebody agreed."""
    rows = stack.client.query(
        "SELECT producer_id, uniqExact(event_id) FROM tidegate.events_track WHERE name = {name:String} GROUP BY 1",
        parameters={"name": DECISION},
    ).result_rows
    return {str(producer): int(count) for producer, count in rows}


def accounts(stack: Stack) -> dict[str, Account]:
    """The ledger's pages by producer."""
    rows = stack.client.query(
        "SELECT producer_id, state, tail_at_most, last_number, stored, dropped, missing + in_flight "
        "FROM analytics.producers WHERE producer_kind = 'browser'"
    ).result_rows
    return {str(producer): Account(str(state), *map(int, numbers)) for producer, state, *numbers in rows}


def account_of(
    visit: Visit, there: tuple[str, int] | None, told: dict[str, Account], decided: dict[str, int]
) -> tuple[int, int]:
    """Events of a page that are lost, and those of them that the ledger calls missing; checks what it claims."""
    if there is None:
        return visit.tracked, 0  # nothing of it came, so nobody knows of it
    producer, stored = there
    account = told[producer]
    lost, choices = visit.tracked - stored - account.dropped, decided.get(producer, 0)
    assert choices <= visit.consents, (visit.token, choices)  # who comes again has agreed before
    assert account.stored == stored + choices, (visit.token, account)
    if account.state == "closed":
        numbered = visit.tracked + choices
        assert (account.last_number, account.nowhere) == (numbered, lost), (visit.token, visit.killed, account)
    else:
        assert 0 <= lost - account.nowhere <= account.tail_at_most, (visit.token, visit.killed, lost, account)
    return lost, account.nowhere
