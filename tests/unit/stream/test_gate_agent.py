"""A gate that may have to wait: what it leaves, it leaves whole."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from tidegate_stream.gate.elsewhere import Elsewhere
from tidegate_stream.gate.passage import Passed
from tidegate_stream.gate_agent import GateAgent
from tidegate_stream.transport.chunk import Chunk


class App:
    """An app in its second epoch."""

    def __init__(self) -> None:
        self.durable: list[int] = []

    def is_current(self, chunk: Chunk) -> bool:
        return chunk.epoch == 2

    def mark_durable(self, _agent: str, _tp: object, end: int) -> None:
        self.durable.append(end)


class Other:
    """An earlier generation that holds chunks back for as long as they may wait, or none."""

    waits = False

    def __init__(self, *, holds: bool) -> None:
        self.holds = holds

    def catch_up(self, go_on: Callable[[], bool]) -> bool:
        return not self.holds or go_on()


class Agent(GateAgent):
    """Passes nothing on, and opens nothing."""

    def _ready(self, chunk: Chunk) -> bool:
        return self._caught_up(chunk)

    def _pass(self, chunk: Chunk) -> Passed:
        return Passed(len(chunk), 0, 0, chunk.last_offset)


class Record:
    """A record at an offset."""

    def __init__(self, offset: int) -> None:
        self.offset, self.timestamp, self.key, self.value, self.headers = offset, 0, None, b"x", ()


def chunk(epoch: int, offset: int) -> Chunk:
    return Chunk("raw.track.g2", 0, offset, epoch, [cast("Any", Record(offset))])


@pytest.mark.parametrize("holds", [False, True])
def test_a_chunk_that_comes_again_is_left_and_so_are_those_behind_it(*, holds: bool) -> None:
    app = App()
    agent = Agent(cast("Any", app), "raw.track.g2", cast("Any", None), "127.0.0.1:1")
    agent._elsewhere, agent._looked = cast("Elsewhere", Other(holds=holds)), 1

    async def given(*chunks: Chunk) -> None:
        for each in chunks:
            await agent.add(each)

    asyncio.run(given(chunk(1, 0), chunk(1, 1)))
    assert app.durable == []
    agent._looked = 2
    asyncio.run(given(chunk(2, 0), chunk(2, 1)))
    assert app.durable == [1, 2]
