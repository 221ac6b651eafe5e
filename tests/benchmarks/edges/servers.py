"""`servers.py gateway|bare|trivial CORE PORT BROKERS HOME`: what the load goes to, one process on one core.

`gateway` is the gateway as it is deployed, without a limit on a key's rate. `bare` is an ASGI endpoint on the same
server that only reads the body and parses its JSON. `trivial` answers anything without a look at it, and so shows what
the load generator can reach.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import orjson
import uvicorn

HOST = "127.0.0.1"
KEY = "bench-write-key"
NUMBER = 1
PROJECT = "default"
_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
Message = MutableMapping[str, Any]


def main(what: str, core: str, port: str, brokers: str, home: str) -> None:
    """Serve until killed; the core is chosen before any thread begins."""
    os.sched_setaffinity(0, {int(core)})
    if what == "gateway":
        _gateway(int(port), brokers, Path(home))
    elif what == "bare":
        uvicorn.run(bare, host=HOST, port=int(port), log_level="warning", access_log=False, server_header=False)
    else:
        asyncio.run(_trivial(int(port)))


def _gateway(port: int, brokers: str, home: Path) -> None:
    from nacl.public import PrivateKey  # noqa: PLC0415 - the others load none of this

    from tidegate_gateway.serve import run  # noqa: PLC0415 - same
    from tidegate_gateway.settings import GatewaySettings, Project  # noqa: PLC0415 - same

    projects = (Project(0, "internal", "another-write-key"), Project(NUMBER, PROJECT, KEY))
    sealing = bytes(PrivateKey.generate().public_key)
    run(GatewaySettings(HOST, port, brokers, projects, sealing, counters=home / "counters"))


async def bare(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Read, parse, answer."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    orjson.loads(body)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


async def _trivial(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Trivial, HOST, port)
    await server.serve_forever()


class _Trivial(asyncio.Protocol):
    """Counts bytes until a request is there, which is one after another on a connection."""

    def __init__(self) -> None:
        self._left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if not self._left:
            head, _, _ = data.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
            self._left = len(head) + 4 + length
        self._left -= len(data)
        if self._left <= 0:
            self._left = 0
            self._transport.write(_ANSWER)  # type: ignore[attr-defined]


if __name__ == "__main__":
    main(*sys.argv[1:])
