"""What ends a running stack: its own parts' errors are told, and everything else is somebody's wish."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tidegate_infra.errors import HomeGoneError
from tidegate_infra.jobs import Job, Jobs
from tidegate_infra.supervisor import Supervisor
from tidegate_infra.up import as_long_as


def broken_clock() -> float:
    raise RuntimeError("the clock is broken")


def jobs_that_fail(folder: Path) -> Jobs:
    job = Job("tidy", [sys.executable, "-c", "pass"], 0.01)
    return Jobs([job], folder, lambda _: None, broken_clock)


def ready() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


async def test_jobs_that_end_by_an_error_end_the_stack_and_say_why(tmp_path: Path) -> None:
    supervisor = Supervisor([], tmp_path, lambda _: None)
    running = asyncio.create_task(supervisor.run())
    scheduled = asyncio.create_task(jobs_that_fail(tmp_path).run(ready()))
    with pytest.raises(RuntimeError, match="the clock is broken") as failed:
        async with asyncio.timeout(20), as_long_as(running, scheduled, supervisor.stop):
            await asyncio.Event().wait()
    assert failed.value.__notes__ == ["Tidegate's scheduled jobs ended by this, and the stack with them."]
    assert running.done()


async def test_services_that_end_by_an_error_are_told_rather_than_jobs_that_end_with_them(tmp_path: Path) -> None:
    async def gone() -> None:
        raise HomeGoneError("the folder was removed")

    scheduled = asyncio.create_task(asyncio.sleep(600))
    with pytest.raises(HomeGoneError, match="the folder was removed"):
        async with asyncio.timeout(20), as_long_as(asyncio.create_task(gone()), scheduled, lambda: None):
            await asyncio.Event().wait()
    assert scheduled.cancelled()


async def test_control_a_block_that_ends_or_is_cancelled_stops_both_without_an_error(tmp_path: Path) -> None:
    async def block(*, waits: bool) -> None:
        supervisor = Supervisor([], tmp_path, lambda _: None)
        running = asyncio.create_task(supervisor.run())
        scheduled = asyncio.create_task(asyncio.sleep(600))
        async with as_long_as(running, scheduled, supervisor.stop):
            await (asyncio.Event().wait() if waits else asyncio.sleep(0))

    await block(waits=False)
    task = asyncio.create_task(block(waits=True))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
