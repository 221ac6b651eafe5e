"""The gate's agents: raw chunks in, one Kafka transaction each, then the raw commit may move."""

from __future__ import annotations

import asyncio

from faust.types import TP

from tidegate_schemas.topics import Kind
from tidegate_stream.failpoint import crossing
from tidegate_stream.gate.passage import KindGate, Passage, Passed
from tidegate_stream.observability import HORIZON, REFUSED, AgentMetrics
from tidegate_stream.transport.app import ChunkApp
from tidegate_stream.transport.chunk import Chunk


class GateAgent:
    """Runs the gate over one raw topic. A partition's passage is opened anew after each rebalance.

    Opening fences whoever had the partition meanwhile, and skips what they passed.
    """

    def __init__(self, app: ChunkApp, kind: Kind, gate: KindGate, brokers: str, generation: int) -> None:
        self.name = f"gate.{kind}"
        self._app, self._kind, self._gate, self._brokers, self._generation = app, kind, gate, brokers, generation
        self._passages: dict[int, tuple[int, Passage]] = {}
        self._metrics = AgentMetrics(self.name)

    async def add(self, chunk: Chunk) -> None:
        """Pass a chunk, and mark it durable: it is in clean topic, dead letters or outcomes, as committed."""
        passed = await crossing("gate", asyncio.to_thread(self._pass, chunk))
        self._app.mark_durable(self.name, TP(chunk.topic, chunk.partition), chunk.end)
        self._metrics.took(chunk, passed.clean + passed.dead_lettered + passed.dropped)
        for outcome, number in (("dead_lettered", passed.dead_lettered), ("dropped", passed.dropped)):
            if number:
                REFUSED.labels(self._kind, outcome).inc(number)

    def _pass(self, chunk: Chunk) -> Passed:
        epoch, passage = self._passages.get(chunk.partition, (-1, None))
        if passage is None or epoch != chunk.epoch:
            if passage is not None:
                passage.close()
            passage = Passage(self._gate, self._brokers, chunk.partition, self._generation)
            self._passages[chunk.partition] = chunk.epoch, passage
        passed = passage.take(chunk)
        HORIZON.labels(self._kind, chunk.partition).set((passage.seen.horizon_ms or 0) / 1e3)
        return passed
