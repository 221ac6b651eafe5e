"""Ask a service whether it does its work, without needing a client library."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

__all__ = ["answers_http", "answers_tcp"]

_ANSWER_SECONDS = 2.0


def answers_tcp(host: str, port: int) -> Callable[[], Awaitable[bool]]:
    """Make a probe: something accepts a connection."""

    async def probe() -> bool:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                _, writer = await asyncio.open_connection(host, port)
        except (OSError, TimeoutError):
            return False
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return True

    return probe


def answers_http(host: str, port: int, path: str) -> Callable[[], Awaitable[bool]]:
    """Make a probe: a GET of the path has status 200."""

    async def probe() -> bool:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                reader, writer = await asyncio.open_connection(host, port)
                writer.write(f"GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\n\r\n".encode())
                status = await reader.readline()
        except (OSError, TimeoutError, ValueError):
            return False
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return status.split(maxsplit=2)[1:2] == [b"200"]

    return probe
