"""A flush has a deadline: a sink that never answers is an error, which ends the worker, and not a silent stop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import polars as pl
import pytest
from faust.types import TP

from tidegate_stream.archive import ArchiveAgent
from tidegate_stream.state.agent import Source
from tidegate_stream.transport.app import ChunkApp
from tidegate_stream.transport.chunk import Chunk


@dataclass
class Place:
    """What an agent asks of its app."""

    durable: dict[TP, int] = field(default_factory=dict)

    def mark_durable(self, _: str, tp: TP, end: int) -> None:
        self.durable[tp] = end

    def sought(self, _: TP) -> int:
        return 0


@dataclass
class Record:
    offset: int
    timestamp: int = 0
    key: bytes | None = None
    value: bytes | None = b""
    headers: Sequence[tuple[str, bytes]] = ()


class Sink:
    """Answers, or never does."""

    def __init__(self, *, answers: bool) -> None:
        self._answers = answers

    async def upsert(self, table: str, rows: pl.DataFrame) -> None:
        if not self._answers:
            await asyncio.Event().wait()


def archive(app: Place, sink: Sink) -> ArchiveAgent:
    source = Source("clean.track", 1, lambda chunk: pl.DataFrame({"_offset": chunk.offsets}))
    shape: Any = lambda frame: frame  # noqa: E731 - a shape is a function of a frame
    given = cast("ChunkApp", app)
    return ArchiveAgent(given, "archive.test", source, "events_track", shape, sink, flush_deadline_seconds=0.05)


async def test_a_sink_that_never_answers_is_an_error_and_nothing_is_durable() -> None:
    app = Place()
    agent = archive(app, Sink(answers=False))
    await agent.add(Chunk("clean.track", 0, 0, 1, [Record(0), Record(1)]))
    with pytest.raises(TimeoutError):
        await agent.flush()
    assert app.durable == {}


async def test_one_that_answers_in_time_makes_the_chunk_durable() -> None:
    app = Place()
    agent = archive(app, Sink(answers=True))
    await agent.add(Chunk("clean.track", 0, 0, 1, [Record(0), Record(1)]))
    await agent.flush()
    assert app.durable == {TP("clean.track", 0): 2}
