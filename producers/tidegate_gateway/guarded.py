"""uvicorn's HTTP protocol within limits: it has none for heads, nor for how slowly a request comes.

Leans on names of uvicorn that aren't documented; `tests/integration/gateway/test_slow_senders.py` holds them.
"""

from __future__ import annotations

import asyncio
import http
from typing import Any, ClassVar

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tidegate_gateway.connections import Closed, Connections, Phase

SWEEP_SECONDS = 1.0
LINGER_SECONDS = 5.0
"""For the last answer to be read, before a connection is cut."""


class GuardedProtocol(HttpToolsProtocol):
    """One connection; costs some assignments a request."""

    connections_of_process: ClassVar[Connections]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self.phase, self.since, self.body_bytes = Phase.HEAD, self.loop.time(), 0
        self._head_bytes, self._whole = 0, True
        self.address = self.client[0] if self.client else ""
        connections = self.connections_of_process
        if why := connections.admit(self):
            connections.end(self, why)
        elif not connections.swept:
            connections.swept = True
            self.loop.call_later(SWEEP_SECONDS, _sweep, self.loop, connections)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self.connections_of_process.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self.transport.is_closing():
            return
        if self.phase is Phase.HEAD:
            self._head_bytes += len(data)
        super().data_received(data)
        if self.phase is Phase.HEAD and self._head_bytes > self.connections_of_process.limits.head_bytes:
            self.connections_of_process.end(self, Closed.LARGE_HEAD)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._whole = False
        if self.phase is Phase.IDLE:
            self.phase, self.since, self._head_bytes = Phase.HEAD, self.loop.time(), 0

    def on_headers_complete(self) -> None:
        """A request's head is whole: its body follows."""
        self.phase, self.since, self.body_bytes = Phase.BODY, self.loop.time(), 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Some of a request's body, already answered ones too."""
        self.body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is whole."""
        answered = self.cycle is None or self.cycle.response_complete
        self._whole = True
        self.phase, self.since = (Phase.IDLE if answered else Phase.ANSWER), self.loop.time()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """An answer is out; of a request that was refused unread, the body still comes."""
        if self._whole:
            self.phase = Phase.ANSWER if self.pipeline else Phase.IDLE
        self.since = self.loop.time()
        super().on_response_complete()

    def end(self, why: Closed) -> None:
        """See `Connection.end`."""
        if self.transport.is_closing():
            return
        cycle = self.cycle
        if why.status and (cycle is None or cycle.response_complete or not cycle.response_started):
            self.transport.write(_answer(why))
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        self._unset_keepalive_if_required()
        self.transport.close()
        self.loop.call_later(LINGER_SECONDS, self.transport.abort)


def protocol_within(connections: Connections) -> type[asyncio.Protocol]:
    """The protocol of a server that shares these limits."""
    return type("GuardedProtocolOfServer", (GuardedProtocol,), {"connections_of_process": connections})


def _sweep(loop: asyncio.AbstractEventLoop, connections: Connections) -> None:
    """Look for the slow ones, again and again as long as there are any."""
    connections.sweep(loop.time())
    if connections:
        loop.call_later(SWEEP_SECONDS, _sweep, loop, connections)
    connections.swept = bool(connections)


def _answer(why: Closed) -> bytes:
    body: dict[str, Any] = {"error": {"reason": why.reason, "field": "connection", "message": why.message}}
    content = orjson.dumps(body)
    retry = "Retry-After: 5\r\n" if why.status == 503 else ""
    head = (
        f"HTTP/1.1 {why.status} {http.HTTPStatus(why.status).phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\nAccess-Control-Allow-Origin: *\r\n{retry}Connection: close\r\n\r\n"
    )
    return head.encode() + content
