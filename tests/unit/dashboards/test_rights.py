"""Downloads of what is held on a person: once, soon, whole, and let go of in any case."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Message

from tidegate_dashboards.rights import PATH, Handout, Tickets
from tidegate_schemas.errors import TidegateError


class Person:
    """A handout, and what became of it. `broken`: it is not all."""

    def __init__(self, *, broken: bool = False) -> None:
        self.said, self._broken = list[str](), broken
        self.handout = Handout("person.jsonl", "", self._chunks(), self._taken, lambda: self.said.append("closed"))

    def _chunks(self) -> Iterator[bytes]:
        yield b'{"table": "sessions"}\n'

    def _taken(self) -> None:
        if self._broken:
            raise TidegateError("what was sent is not all")
        self.said.append("taken")


def client(tickets: Tickets) -> httpx.AsyncClient:
    app = Starlette(routes=[Route(f"{PATH}/{{ticket}}", tickets.download)])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://tidegate")


async def test_a_ticket_is_good_for_one_download_that_nobody_keeps() -> None:
    tickets, person = Tickets(), Person()
    address = tickets.put(person.handout)
    async with client(tickets) as browser:
        first, second = await browser.get(address), await browser.get(address)
    assert (first.status_code, first.text) == (200, '{"table": "sessions"}\n')
    assert first.headers["cache-control"] == "no-store"
    assert first.headers["content-disposition"] == 'attachment; filename="person.jsonl"'
    assert second.status_code == 404
    assert person.said == ["taken", "closed"]


async def test_who_only_asks_for_the_head_takes_nothing_away() -> None:
    tickets, person = Tickets(), Person()
    address = tickets.put(person.handout)
    async with client(tickets) as browser:
        head = await browser.head(address)
        assert (head.status_code, head.text, person.said) == (200, "", [])
        got = await browser.get(address)
        assert (got.status_code, got.text) == (200, '{"table": "sessions"}\n')
        for name in ("content-disposition", "content-type", "cache-control"):
            assert head.headers[name] == got.headers[name]
        assert (await browser.head(address)).status_code == 404
    assert person.said == ["taken", "closed"]


async def test_a_download_that_is_not_all_is_no_success() -> None:
    tickets, person = Tickets(), Person(broken=True)
    async with client(tickets) as browser:
        with pytest.raises(TidegateError):
            await browser.get(tickets.put(person.handout))
    assert person.said == ["closed"]


async def test_a_download_that_is_broken_off_is_let_go_of_at_once() -> None:
    tickets, person = Tickets(), Person(broken=True)
    sent = asyncio.Event()

    async def receive() -> Message:
        await sent.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            sent.set()
            await asyncio.Event().wait()  # a browser that reads no more

    path = tickets.put(person.handout)
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}
    await Starlette(routes=[Route(f"{PATH}/{{ticket}}", tickets.download)])(scope, receive, send)
    assert person.said == ["closed"]


async def test_what_nobody_fetches_is_let_go_of() -> None:
    tickets, late, stopped = Tickets(seconds=0.0), Person(), Person()
    address = tickets.put(late.handout)
    async with asyncio.timeout(10), client(tickets) as browser:
        while not late.said:
            await asyncio.sleep(0)
        assert (await browser.get(address)).status_code == 404
    patient = Tickets()
    patient.put(stopped.handout)
    patient.close()
    assert late.said == stopped.said == ["closed"]
