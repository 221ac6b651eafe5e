"""What the page about people's rights asks of whoever holds the keys: the dashboard has none, and stores no id."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

__all__ = ["PATH", "Desk", "Handout", "Tickets"]

TICKET_SECONDS = 60.0
PATH = "/privacy/export"
_MEDIA_TYPE = "application/x-ndjson"


@dataclass(frozen=True)
class Handout:
    """What is held on a person, as JSON lines: a file's name, what to know of it, and its bytes.

    All of it blocks. Whoever has sent the chunks says so by `taken`, which raises TidegateError if they were not all;
    and whoever is done with it, sent or not, by `close`.
    """

    name: str
    said: str
    chunks: Iterator[bytes]
    taken: Callable[[], None]
    close: Callable[[], None] = lambda: None


class Desk(Protocol):
    """Takes what operators ask. Its methods block, and raise TidegateError, whose message is for the operator."""

    @property
    def confirms(self) -> bool:
        """Whether what one operator asks for has to be confirmed by another."""

    def ask(self, token: str, project: str, *, user_id: str = "", anonymous_id: str = "", export: bool = False) -> str:
        """Put a person's erasure or export on record; the receipt's id. An erasure that nobody confirms begins."""

    def confirm(self, token: str, receipt_id: str) -> Literal["erasure", "export"]:
        """Begin an erasure, or allow an export, that another operator asked for; which it was."""

    def refuse(self, token: str, receipt_id: str) -> None:
        """Let a request go; operators may refuse their own."""

    def settle(self, token: str) -> str:
        """See whether the last copies of what was erased have gone, and put it on record; what to tell."""

    def export(self, token: str, receipt_id: str) -> Handout:
        """What an allowed export hands out, to who asked for it."""


class Tickets:
    """Exports that wait for the browser whose page asked for them: each is given once, within a minute.

    A ticket is random and known to that page only, so that no other site can have a browser fetch one.
    """

    def __init__(self, seconds: float = TICKET_SECONDS) -> None:
        self._seconds = seconds
        self._waiting: dict[str, Handout] = {}

    def put(self, handout: Handout) -> str:
        """Where to fetch it. Call it on the event loop."""
        ticket = secrets.token_urlsafe(32)
        self._waiting[ticket] = handout
        asyncio.get_running_loop().call_later(self._seconds, self._forget, ticket)
        return f"{PATH}/{ticket}"

    def close(self) -> None:
        """Let all go."""
        for ticket in list(self._waiting):
            self._forget(ticket)

    async def download(self, request: Request) -> Response:
        """Streams a handout; HEAD tells its headers only. 404 for one that was fetched, or has waited too long."""
        take = self._waiting.get if request.method == "HEAD" else self._waiting.pop
        handout = take(request.path_params["ticket"], None)
        if handout is None:
            return PlainTextResponse("there is no such download any more: fetch it again at /privacy\n", 404)
        headers = {
            "Content-Disposition": f'attachment; filename="{handout.name}"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }
        if request.method == "HEAD":
            return Response(headers=headers, media_type=_MEDIA_TYPE)
        return _Download(handout, headers)

    def _forget(self, ticket: str) -> None:
        if (handout := self._waiting.pop(ticket, None)) is not None:
            handout.close()


class _Download(StreamingResponse):
    """Streams a handout, and lets go of it: where the browser breaks off, too, even before the first chunk."""

    def __init__(self, handout: Handout, headers: Mapping[str, str]) -> None:
        super().__init__(_streamed(handout), media_type=_MEDIA_TYPE, headers=headers)
        self._close = handout.close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._close()  # at once, as what waits here is cancelled with the response


async def _streamed(handout: Handout) -> AsyncIterator[bytes]:
    async for chunk in iterate_in_threadpool(handout.chunks):
        yield chunk
    await run_in_threadpool(handout.taken)
