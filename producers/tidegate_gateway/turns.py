"""Long work on the event loop, a slice at a time: a request at its limits takes seconds, others mustn't wait for it.

A thread would not do: Kafka's client takes the interpreter's lock anew for each record that it tells of, and a busy
thread gives it away every 5 ms only.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator
from typing import TypeVar

from tidegate_gateway.errors import RefusedError
from tidegate_schemas.reasons import Reason

Result = TypeVar("Result")
Slices = Generator[None, None, Result]
"""Work that yields every now and then, after a millisecond or two; returns its result."""

SLICE_SECONDS = 0.002
PATIENCE_SECONDS = 10.0


def at_once(slices: Slices[Result]) -> Result:
    """The result of all slices, without a pause."""
    try:
        while True:
            next(slices)
    except StopIteration as end:
        result: Result = end.value
        return result


class Turns:
    """Runs slices. What is done within one slice's time costs nothing more; of the rest one request at a time works."""

    def __init__(self, *, slice_seconds: float = SLICE_SECONDS, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._slice_seconds, self._patience_seconds = slice_seconds, patience_seconds
        self._long = asyncio.Lock()

    async def run(self, slices: Slices[Result]) -> Result:
        """The result. Raises RefusedError (queue_full) where others' long work takes too long."""
        if (done := self._slice(slices)) is not None:
            return done.value  # type: ignore[no-any-return]  # an iterator's end holds anything
        try:
            await asyncio.wait_for(self._long.acquire(), self._patience_seconds)
        except TimeoutError:
            message = "waits for other large requests; send smaller batches, or the same again"
            raise RefusedError(Reason.QUEUE_FULL, "body", message) from None
        try:
            while (done := self._slice(slices)) is None:  # noqa: ASYNC110 - waits for nothing: others have their turn
                await asyncio.sleep(0)
        finally:
            self._long.release()
        return done.value  # type: ignore[no-any-return]  # same

    def _slice(self, slices: Slices[Result]) -> StopIteration | None:
        """Work until the time is up; the end if it was reached."""
        until = time.perf_counter() + self._slice_seconds
        try:
            while True:
                next(slices)
                if time.perf_counter() >= until:
                    return None
        except StopIteration as end:
            return end
