"""Ctrl-C: the first press asks, a later one kills, and a press that comes twice is one."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from tidegate_infra.supervisor import Supervisor
from tidegate_infra.up import stop_on_signals


class Watched(Supervisor):
    """Counts how often it was told to stop."""

    stops = 0

    def stop(self) -> None:
        self.stops += 1


async def test_a_press_that_comes_twice_asks_once_and_kills_nothing(tmp_path: Path) -> None:
    asked, supervisor = asyncio.Event(), Watched([], tmp_path, lambda _: None)
    stop_on_signals(asked, supervisor, one_press_seconds=60)
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(asked.wait(), 10)
    await asyncio.sleep(0)
    assert supervisor.stops == 0


async def test_a_second_press_kills(tmp_path: Path) -> None:
    asked, supervisor = asyncio.Event(), Watched([], tmp_path, lambda _: None)
    stop_on_signals(asked, supervisor, one_press_seconds=-1)
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.wait_for(asked.wait(), 10)
    assert supervisor.stops == 1
