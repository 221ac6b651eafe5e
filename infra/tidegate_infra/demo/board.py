"""What a chaos demo says of itself while it runs: run/chaos.json, which the dashboard shows.

A file and no table: it has to be told while ClickHouse is dead, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from tidegate_infra.demo.chaos import Chaos
from tidegate_infra.demo.witness import AWAY, Witness
from tidegate_infra.home import CHAOS_FACT, fact_path, write_fact
from tidegate_infra.settings import Settings

__all__ = ["board", "fact"]

_PAUSE_SECONDS = 0.5


@asynccontextmanager
async def board(settings: Settings, chaos: Chaos, witness: Witness) -> AsyncIterator[None]:
    """Look and tell for as long as the block; the file is gone after it."""

    async def look() -> None:
        await asyncio.to_thread(witness.look)

    async def collect() -> None:
        with contextlib.suppress(*AWAY):  # busy; the next one takes it over
            await asyncio.to_thread(witness.collect)

    async def tell() -> None:
        write_fact(settings, CHAOS_FACT, fact(chaos, witness))

    tasks = [asyncio.create_task(_again(act)) for act in (look, collect, tell)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)  # a look in its thread ends by itself
        fact_path(settings, CHAOS_FACT).unlink(missing_ok=True)


def fact(chaos: Chaos, witness: Witness) -> dict[str, object]:
    """What run/chaos.json holds; `at` in seconds since 1970."""
    return {
        "at": time.time(),
        "seed": chaos.seed,
        "killed": dict(chaos.killed),
        "down": chaos.down,
        "acknowledged": witness.promises.acknowledged,
        "checked": witness.promises.checked,
        "lost": witness.promises.lost,
        "doubled": witness.doubled,
    }


async def _again(act: Callable[[], Awaitable[None]]) -> None:
    while True:
        await act()
        await asyncio.sleep(_PAUSE_SECONDS)
