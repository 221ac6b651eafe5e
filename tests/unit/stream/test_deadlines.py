"""A flush has a deadline: a sink that never answers is an error, which ends the worker, and not a silent stop.

Chunks that come while a sink is at work are taken, and are durable only when they are written themselves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import polars as pl
import pytest
from faust.types import TP

from tidegate_stream.archive import ArchiveAgent, MayWait
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


def archive(app: Place, sink: Sink, **limits: Any) -> ArchiveAgent:
    source = Source("clean.track", 1, lambda chunk: pl.DataFrame({"_offset": chunk.offsets}))
    shape: Any = lambda frame: frame  # noqa: E731 - a shape is a function of a frame
    given = cast("ChunkApp", app)
    limits = {"flush_deadline_seconds": 0.05, **limits}
    return ArchiveAgent(given, "archive.test", source, "events_track", shape, sink, **limits)


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


class HeldSink(Sink):
    """Answers each time that it is let."""

    def __init__(self) -> None:
        super().__init__(answers=True)
        self.let, self.asked, self.written = asyncio.Event(), asyncio.Event(), list[int]()

    async def upsert(self, table: str, rows: pl.DataFrame) -> None:
        self.asked.set()
        await self.let.wait()
        self.written += rows["_offset"].to_list()


async def test_a_chunk_that_comes_amid_an_insert_is_taken_but_not_durable_by_it() -> None:
    app, sink = Place(), HeldSink()
    agent = archive(app, sink, flush_deadline_seconds=30)
    await agent.add(Chunk("clean.track", 0, 0, 1, [Record(0), Record(1)]))
    flushing = asyncio.create_task(agent.flush())
    await sink.asked.wait()
    async with asyncio.timeout(10):
        await agent.add(Chunk("clean.track", 0, 2, 1, [Record(2)]))
    sink.let.set()
    await flushing
    assert (sink.written, app.durable) == ([0, 1], {TP("clean.track", 0): 2})
    await agent.flush()
    assert (sink.written, app.durable) == ([0, 1, 2], {TP("clean.track", 0): 3})


async def test_as_many_rows_as_may_wait_hold_chunks_back_until_the_insert_before_is_done() -> None:
    app, sink = Place(), HeldSink()
    agent = archive(app, sink, flush_deadline_seconds=30, may_wait=MayWait(rows=2))
    first = asyncio.create_task(agent.add(Chunk("clean.track", 0, 0, 1, [Record(0), Record(1)])))
    await sink.asked.wait()
    second = asyncio.create_task(agent.add(Chunk("clean.track", 0, 2, 1, [Record(2), Record(3)])))
    done, _ = await asyncio.wait({first, second}, timeout=0.2)
    assert not done
    sink.let.set()
    await asyncio.gather(first, second)
    assert sink.written == [0, 1, 2, 3]


async def test_so_do_as_many_bytes() -> None:
    app, sink = Place(), HeldSink()
    sink.let.set()
    agent = archive(app, sink, may_wait=MayWait(bytes=24))
    await agent.add(Chunk("clean.track", 0, 0, 1, [Record(0)]))
    assert sink.written == []
    await agent.add(Chunk("clean.track", 0, 1, 1, [Record(1), Record(2)]))
    assert sink.written == [0, 1, 2]


async def test_what_a_flush_that_was_cancelled_kept_from_the_sink_is_written_by_the_next() -> None:
    app, sink = Place(), HeldSink()
    agent = archive(app, sink, flush_deadline_seconds=30)
    await agent.add(Chunk("clean.track", 0, 0, 1, [Record(0)]))
    flushing = asyncio.create_task(agent.flush())
    await sink.asked.wait()
    await agent.add(Chunk("clean.track", 0, 1, 1, [Record(1)]))
    flushing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await flushing
    assert app.durable == {}
    sink.let.set()
    await agent.flush()
    assert (sink.written, app.durable) == ([0, 1], {TP("clean.track", 0): 2})


async def test_after_a_seek_amid_an_insert_each_place_is_durable_as_far_as_it_was_written() -> None:
    app, sink = Place(), HeldSink()
    agent = archive(app, sink, flush_deadline_seconds=30)
    await agent.add(Chunk("clean.track", 0, 0, 1, [Record(0), Record(1)]))
    flushing = asyncio.create_task(agent.flush())
    await sink.asked.wait()
    await agent.add(Chunk("clean.track", 0, 0, 2, [Record(0)]))  # read again, up to there
    sink.let.set()
    await flushing
    assert app.durable == {TP("clean.track", 0): 2}
    await agent.flush()
    assert sink.written == [0, 1, 0]
