"""The archive agents: every record of a topic becomes one row. No state, so no changelog.

A row's identity and version are its partition and offset; writing it again changes nothing. That is all the fence that
an archive needs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl
from faust.types import TP

from tidegate_sinks.writer import Writer
from tidegate_stream.failpoint import crossing
from tidegate_stream.observability import AgentMetrics
from tidegate_stream.state.agent import Source
from tidegate_stream.transport.app import ChunkApp
from tidegate_stream.transport.chunk import Chunk
from tidegate_stream.transport.positions import Positions

#: From decoded records (with `_offset` and `version`) to the table's columns but `source_partition`.
Shape = Callable[[pl.DataFrame], pl.DataFrame]

JSON_COLUMNS = frozenset({"properties", "attributes"})


def event_rows(events: pl.DataFrame) -> pl.DataFrame:
    """Clean events as rows of `events_<kind>`: absent texts are empty."""
    texts = [name for name, kind in events.schema.items() if kind == pl.String]
    filled = [pl.col(name).fill_null("{}" if name in JSON_COLUMNS else "") for name in texts]
    return events.rename({"_offset": "clean_offset"}).with_columns(filled)


def record_rows(records: pl.DataFrame) -> pl.DataFrame:
    """Dead letters and outcomes as rows of their tables."""
    raw = {"source_partition": "raw_partition", "source_offset": "raw_offset"}
    return records.rename({"_offset": "topic_offset", **{name: raw[name] for name in raw if name in records.columns}})


@dataclass(frozen=True)
class MayWait:
    """How much may wait for an insert, while as much is inserted, before chunks are held back."""

    rows: int = 50_000
    bytes: int = 32 << 20


PLAIN = MayWait()


class ArchiveAgent:
    """Writes one topic's partitions to one table. All methods run on the app's event loop."""

    def __init__(
        self,
        app: ChunkApp,
        name: str,
        source: Source,
        table: str,
        shape: Shape,
        sink: Writer,
        may_wait: MayWait = PLAIN,
        flush_deadline_seconds: float = 120.0,
    ) -> None:
        self.name = name
        self._app, self._source, self._table, self._shape, self._sink = app, source, table, shape, sink
        self._may_wait, self._flush_deadline_seconds = may_wait, flush_deadline_seconds
        self._waiting: list[pl.DataFrame] = []
        self._ends: dict[TP, int] = {}
        self._positions = Positions(name)
        self._epoch = -1
        self._lock = asyncio.Lock()
        self._metrics = AgentMetrics(name)

    async def add(self, chunk: Chunk) -> None:
        """Take a chunk's rows. Raises ChunkLostError on a gap."""
        if chunk.epoch != self._epoch:
            self._epoch = chunk.epoch
            self._positions.restart()
        tp = TP(chunk.topic, chunk.partition)
        self._positions.follow(chunk, lambda: self._app.sought(tp))
        rows = await crossing("archive_rows", asyncio.to_thread(self._rows, chunk))
        self._waiting.append(rows)
        self._ends[tp] = chunk.end
        self._metrics.took(chunk, len(chunk))
        if self._is_full():
            await self.flush()

    def _is_full(self) -> bool:
        rows = sum(frame.height for frame in self._waiting)
        size = sum(frame.estimated_size() for frame in self._waiting)
        return rows >= self._may_wait.rows or size >= self._may_wait.bytes

    def _rows(self, chunk: Chunk) -> pl.DataFrame:
        base = pl.lit(self._source.version(0), pl.UInt64)
        versioned = self._source.decode(chunk).with_columns(version=pl.col("_offset").cast(pl.UInt64) + base)
        return self._shape(versioned).with_columns(source_partition=pl.lit(chunk.partition, pl.UInt16))

    async def flush(self) -> None:
        """Write what waits, and mark it durable; chunks that come meanwhile wait for the next flush.

        Raises TimeoutError at the deadline. What an error kept from the sink waits again, in its place.
        """
        async with self._lock:
            waiting, ends, self._waiting, self._ends = self._waiting, self._ends, [], {}
            try:
                if waiting:
                    await self._write(pl.concat(waiting), ends)
            except BaseException:
                self._waiting, self._ends = [*waiting, *self._waiting], ends | self._ends
                raise

    async def _write(self, rows: pl.DataFrame, ends: Mapping[TP, int]) -> None:
        with self._metrics.flushing():
            async with asyncio.timeout(self._flush_deadline_seconds):
                await crossing("archive_insert", self._sink.upsert(self._table, rows))
        for tp, end in ends.items():
            self._app.mark_durable(self.name, tp, end)
