"""Bytes between the event loop and the engine's threads, with back-pressure both ways."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tidegate_infra.clickhouse.call import Call
from tidegate_infra.clickhouse.engine import EngineError, Statistics

PIPE_BYTES = 1 << 20


class PipeReader:
    """Blocking reads in a thread.

    Not `connect_read_pipe`: uvloop closes the descriptor's number twice, and by then it is another's.
    """

    def __init__(self, descriptor: int, threads: ThreadPoolExecutor) -> None:
        self._descriptor, self._threads, self.ended = descriptor, threads, False
        self._pending: asyncio.Future[bytes] | None = None

    async def read(self) -> bytes:
        """The next bytes, b"" at the end. A cancelled read is not lost: the next call waits for it."""
        if self.ended:
            return b""
        if self._pending is None:
            loop = asyncio.get_running_loop()
            self._pending = loop.run_in_executor(self._threads, os.read, self._descriptor, PIPE_BYTES)
        chunk = await asyncio.shield(self._pending)
        self._pending = None
        self.ended = not chunk
        return chunk

    async def drain(self) -> None:
        """Read to the end."""
        while await self.read():
            pass

    def close(self) -> None:
        """Close the descriptor."""
        descriptor, self._descriptor = self._descriptor, -1
        os.close(descriptor)


class Pump:
    """Hands request chunks to the inserting thread, one at a time: the sender waits, memory stays flat."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: asyncio.Queue[bytes | BaseException | None] = asyncio.Queue(maxsize=2)

    def __iter__(self) -> Iterator[bytes]:
        while (chunk := asyncio.run_coroutine_threadsafe(self._queue.get(), self._loop).result()) is not None:
            if isinstance(chunk, BaseException):
                raise chunk
            yield chunk

    async def fill(self, first: bytes, rest: AsyncIterator[bytes], consumer: asyncio.Future[Statistics]) -> None:
        """Put everything, then the end; stops when the consumer has ended."""
        try:
            if first:
                await self._put(first, consumer)
            async for chunk in rest:
                if chunk and not await self._put(chunk, consumer):
                    return
        except EngineError as error:
            await self._put(RuntimeError(error.text), consumer)
            return
        await self._put(None, consumer)

    async def _put(self, item: bytes | BaseException | None, consumer: asyncio.Future[Statistics]) -> bool:
        put: asyncio.Future[Any] = asyncio.ensure_future(self._queue.put(item))
        await asyncio.wait([put, consumer], return_when=asyncio.FIRST_COMPLETED)
        if not put.done():
            put.cancel()
        return not consumer.done()


class Watch:
    """Ends the running statement when the client goes away."""

    def __init__(self, call: Call, kill: Callable[[], None], *, active: bool) -> None:
        self._call, self._kill, self._active = call, kill, active
        self._task: asyncio.Future[None] | None = None

    async def __aenter__(self) -> None:
        if self._active:
            self._task = asyncio.ensure_future(self._watch())

    async def _watch(self) -> None:
        while (await self._call.receive())["type"] != "http.disconnect":
            pass
        await asyncio.to_thread(self._kill)

    async def __aexit__(self, *_: object) -> None:
        if self._task:
            self._task.cancel()
