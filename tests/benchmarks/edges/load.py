"""A load generator: requests that are bytes already, over connections that stay open.

Closed: each connection sends its next request when it has its answer; that finds how much a server takes. Open:
requests begin when they are due, whatever the server does, and their time counts from then; that finds how long a
sender waits.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

CONNECTIONS = 128
PATIENCE_SECONDS = 60.0


@dataclass
class Outcome:
    """What a run found. `waits` are seconds from when a request was due to its answer."""

    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)
    #: answers that weren't 200 or said that something was rejected
    failures: list[bytes] = field(default_factory=list)

    def p99_seconds(self) -> float:
        """Of a hundred waits the longest but one."""
        return sorted(self.waits)[int(len(self.waits) * 0.99)]


class _Connection(asyncio.Protocol):
    def __init__(self, run: _Run) -> None:
        self._run, self._due, self._data, self._transport = run, 0.0, b"", asyncio.Transport()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._run.idle(self)

    def send(self, request: bytes, due: float) -> None:
        self._due = due
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, separator, body = self._data.partition(b"\r\n\r\n")
        if not separator or len(body) < int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]):
            return
        if not head.startswith(b"HTTP/1.1 200") or (b"reject" in body and b'"rejected":[]' not in body):
            self._run.outcome.failures.append(self._data)
        self._data = b""
        self._run.outcome.waits.append(time.perf_counter() - self._due)
        self._run.answered(self)

    def connection_lost(self, error: Exception | None) -> None:
        if self._due and not self._run.over.done():
            self._run.over.set_exception(ConnectionError("the server closed a connection"))

    def close(self) -> None:
        self._due = 0.0
        self._transport.close()


class _Run:
    """One run; `per_second` of None is closed."""

    def __init__(self, requests: Sequence[bytes], per_second: float | None) -> None:
        self.outcome, self.over = Outcome(), asyncio.get_running_loop().create_future()
        self._total, self._per_second = len(requests), per_second
        self._waiting: deque[tuple[bytes, float]] = deque()
        self._requests = deque(requests)
        self._idle: list[_Connection] = []

    async def go(self, host: str, port: int) -> Outcome:
        loop = asyncio.get_running_loop()
        connections = [
            (await loop.create_connection(lambda: _Connection(self), host, port))[1] for _ in range(CONNECTIONS)
        ]
        began = time.perf_counter()
        if self._per_second is None:
            for connection in connections:
                self.answered(connection)
        else:
            await self._arrive(self._per_second)
        await asyncio.wait_for(self.over, PATIENCE_SECONDS)
        self.outcome.seconds = time.perf_counter() - began
        for connection in connections:
            connection.close()
        return self.outcome

    async def _arrive(self, per_second: float) -> None:
        """Requests at random times, as many senders that know nothing of each other send them."""
        rng, due = random.Random(7), time.perf_counter()
        while self._requests and not self.over.done():
            due += rng.expovariate(per_second)
            if (early := due - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            self._waiting.append((self._requests.popleft(), due))
            if self._idle:
                self.answered(self._idle.pop(), over=False)

    def idle(self, connection: _Connection) -> None:
        self._idle.append(connection)

    def answered(self, connection: _Connection, *, over: bool = True) -> None:
        """Give a connection its next request."""
        if over and len(self.outcome.waits) == self._total and not self.over.done():
            self.over.set_result(None)
        elif self._waiting:
            connection.send(*self._waiting.popleft())
        elif self._per_second is None and self._requests:
            connection.send(self._requests.popleft(), time.perf_counter())
        elif self._per_second is not None:
            self._idle.append(connection)


def closed(requests: Sequence[bytes], host: str, port: int) -> Outcome:
    """As fast as the server answers."""
    return _run(requests, host, port, None)


def open_loop(requests: Sequence[bytes], host: str, port: int, per_second: float) -> Outcome:
    """At a rate."""
    return _run(requests, host, port, per_second)


def _run(requests: Sequence[bytes], host: str, port: int, per_second: float | None) -> Outcome:
    import uvloop  # noqa: PLC0415 - what runs a gateway's load only

    async def go() -> Outcome:
        return await _Run(requests, per_second).go(host, port)

    return uvloop.run(go())
