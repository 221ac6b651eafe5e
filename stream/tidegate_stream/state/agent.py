"""One folding agent: chunks in, deltas to the changelog, rows to the sink, and only then may the commit move.

The order of a flush is fold, changelog, sink, durable; each step waits for the one before. Whatever a crash cuts short
is repeated: a replayed record is below the fence, a replayed row has the version that it had.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl
from faust.types import TP

from tidegate_schemas.topics import of_generation
from tidegate_sinks.writer import Writer
from tidegate_stream.erasure import Notice
from tidegate_stream.errors import NotRecoveredError, StateLostError
from tidegate_stream.failpoint import crossing
from tidegate_stream.folds.fold import Fold
from tidegate_stream.observability import AgentMetrics
from tidegate_stream.state.delta import Delta, assemble, chain, fence_of
from tidegate_stream.state.partition import PartitionState
from tidegate_stream.state.table import DeltaTable
from tidegate_stream.transport.app import ChunkApp
from tidegate_stream.transport.chunk import Chunk
from tidegate_stream.transport.positions import Positions

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """What an agent reads, and how its rows are versioned."""

    topic: str
    generation: int
    decode: Callable[[Chunk], pl.DataFrame]
    notices: Callable[[Chunk], Sequence[Notice]] = lambda _: ()
    """Erasures that stand among a chunk's records."""

    def version(self, offset: int) -> int:
        """Of two rows with one sort key, the sink keeps the one with the higher version."""
        return self.generation << 48 | max(offset, 0)

    def stamp(self, rows: pl.DataFrame, partition: int, offset: int) -> pl.DataFrame:
        """Rows with where they come from and their version."""
        return rows.with_columns(
            source_topic=pl.lit(self.topic),
            source_partition=pl.lit(partition, pl.UInt16),
            version=pl.lit(self.version(offset), pl.UInt64),
        )


class FoldAgent:
    """Runs one fold over one topic's partitions. All methods run on the app's event loop."""

    def __init__(
        self,
        app: ChunkApp,
        source: Source,
        fold: Fold,
        table: DeltaTable,
        sink: Writer,
        *,
        snapshot_every: int = 60,
        max_waiting_records: int = 200_000,
        flush_deadline_seconds: float = 120.0,
    ) -> None:
        self.name = of_generation(f"{fold.name}.{fold.kind}", source.generation)
        self._app, self._source, self._fold, self._table, self._sink = app, source, fold, table, sink
        self._snapshot_every, self._max_waiting_records = snapshot_every, max_waiting_records
        self._flush_deadline_seconds = flush_deadline_seconds
        self._states: dict[int, PartitionState] = {}
        self._positions = Positions(self.name)
        self._lock = asyncio.Lock()
        self._metrics = AgentMetrics(self.name)
        table.recovered = self.recovered

    async def recovered(self, partitions: set[int]) -> None:
        """Own these partitions from now on. A state in memory is kept unless someone got further meanwhile.

        A state below the topic's commit, an empty one at worst, is brought up from the log: an agent that is new on
        its topic starts at the log's beginning, as does one whose changelog was lost.
        """
        async with self._lock:
            states = {partition: await self._recover(partition) for partition in sorted(partitions)}
            self._states = states
            for partition, state in states.items():
                self._app.read_from(self.name, TP(self._source.topic, partition), state.fence + 1)
            self._positions.restart({p: s.fence + 1 for p, s in states.items() if s.fence >= 0})
        log.info("agent %s owns partitions %s", self.name, {p: s.fence for p, s in states.items()})

    async def _recover(self, partition: int) -> PartitionState:
        entries = self._table.store.entries_of(partition)
        deltas = await crossing("assemble", asyncio.to_thread(lambda: chain(assemble(entries))))
        if entries and not deltas:
            raise StateLostError(self.name, self._source.topic, partition, len(entries))
        fence = deltas[-1].fence if deltas else -1
        state = self._states.get(partition)
        if state is None or state.durable < fence:
            recovered = await crossing("recover", asyncio.to_thread(self._recovered, partition, deltas))
            state, rows = recovered
            # The insert that belonged to the last delta may be missing.
            await crossing("recovery_insert", self._sink.upsert(self._fold.table, rows))
        if state.durable >= 0:
            self._mark(state)
        return state

    def _recovered(self, partition: int, deltas: Sequence[Delta]) -> tuple[PartitionState, pl.DataFrame]:
        """The state after these deltas, and the rows that a crash may have kept from the sink."""
        state = PartitionState.recover(self._fold, partition, deltas)
        rows = state.recovered_output(deltas)
        return state, self._source.stamp(rows, partition, state.fence)

    async def add(self, chunk: Chunk) -> None:
        """Fold a chunk. Raises ChunkLostError on a gap, NotRecoveredError for a partition that isn't owned."""
        async with self._lock:
            state = self._states.get(chunk.partition)
            if state is None:
                raise NotRecoveredError(self.name, chunk.topic, chunk.partition)
            self._positions.follow(chunk, lambda: self._app.sought(TP(chunk.topic, chunk.partition)))
            new = await crossing("fold", asyncio.to_thread(self._fold_in, state, chunk))
            self._metrics.folded(chunk, new, state.watermark)
        if state.waiting_records >= self._max_waiting_records:
            await self.flush()

    def _fold_in(self, state: PartitionState, chunk: Chunk) -> int:
        return state.add(self._source.decode(chunk), chunk.last_offset, self._source.notices(chunk))

    async def flush(self) -> None:
        """Make everything folded so far durable, in changelog and sink.

        Raises TimeoutError at the deadline: a broker or sink that never answers ends the worker, not the commits.
        """
        async with self._lock:
            with self._metrics.flushing():
                async with asyncio.timeout(self._flush_deadline_seconds):
                    await self._flush(list(self._states.values()))

    async def _flush(self, states: Sequence[PartitionState]) -> None:
        taken = await crossing("take", asyncio.to_thread(self._take, states))
        if not taken:
            return
        written = await crossing("changelog", asyncio.gather(*(self._append(delta) for _, delta in taken)))
        rows, stays = await crossing("shape", asyncio.to_thread(self._shape, taken))
        await crossing("insert", self._sink.upsert(self._fold.table, rows))
        for (state, delta), rest in zip(taken, stays, strict=True):
            state.rows = rest
            state.durable = delta.fence
            self._mark(state)
        for (_, delta), keys in zip(taken, written, strict=True):
            if delta.snapshot:
                await self._forget(delta, keys)

    def _take(self, states: Sequence[PartitionState]) -> list[tuple[PartitionState, Delta]]:
        found = [(state, state.take_delta(self._snapshot_every)) for state in states]
        return [(state, delta) for state, delta in found if delta is not None]

    async def _append(self, delta: Delta) -> frozenset[bytes]:
        """Pages one after the other: a delta counts when its last page is there. Returns their keys."""
        entries = await crossing("pages", asyncio.to_thread(delta.entries))
        for key, value in entries:
            await self._table.append(delta.partition, key, value)
        return frozenset(key for key, _ in entries)

    def _shape(self, taken: Sequence[tuple[PartitionState, Delta]]) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
        """The sink's rows of all partitions, for one insert; and the rows that stay in each state after it.

        The closing rows come second: of two rows with one version, the sink keeps the later.
        """
        frames, stays = [], []
        for state, delta in taken:
            rest, last_rows = state.closing()
            stays.append(rest)
            for rows in (state.output(delta), last_rows):
                if rows is not None:
                    frames.append(self._source.stamp(rows, delta.partition, delta.fence))
        return pl.concat(frames), stays

    def _mark(self, state: PartitionState) -> None:
        self._app.mark_durable(self.name, TP(self._source.topic, state.partition), state.durable + 1)

    async def _forget(self, snapshot: Delta, own: frozenset[bytes]) -> None:
        """Delete what the snapshot, under its own keys, replaces. Cut short, the next snapshot does the rest."""
        for key in self._table.store.entries_of(snapshot.partition):
            if fence_of(key) <= snapshot.fence and key not in own:
                await crossing("tombstone", self._table.append(snapshot.partition, key, None))
