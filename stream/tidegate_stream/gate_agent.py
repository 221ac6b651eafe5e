"""The gate's agents: raw chunks in, one Kafka transaction each, then the raw commit may move."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

from faust.types import TP

from tidegate_schemas.topics import generation_of, kind_of, of_generation
from tidegate_stream.failpoint import crossing
from tidegate_stream.gate.elsewhere import Elsewhere
from tidegate_stream.gate.passage import KindGate, Passage, Passed
from tidegate_stream.gate.passages import Passages
from tidegate_stream.observability import HORIZON, NAMELESS, REFUSED, REMOVED, AgentMetrics
from tidegate_stream.transport.app import ChunkApp
from tidegate_stream.transport.chunk import Chunk

log = logging.getLogger(__name__)


class GateAgent:
    """Runs the gate over one raw topic. A partition's passage is opened anew after each rebalance.

    Opening fences whoever had the partition meanwhile, and skips what they passed.
    """

    def __init__(self, app: ChunkApp, topic: str, gate: KindGate, brokers: str) -> None:
        self._kind, self._generation = kind_of(topic), generation_of(topic)
        self.name = of_generation(f"gate.{self._kind}", self._generation)
        self.topic = topic
        self._app, self._brokers = app, brokers
        self._passages = Passages(gate, brokers, self._generation)
        self._elsewhere: Elsewhere | None = None
        self._looked = -1  # the epoch in which it was found out whether there are other generations
        self._metrics = AgentMetrics(self.name)
        # Its own, as it may wait for another gate, which must not find all threads taken.
        self._waiting = ThreadPoolExecutor(1, thread_name_prefix=self.name)

    @property
    def waits(self) -> bool:
        """Whether a chunk is held back by what an earlier generation has still to pass."""
        return self._elsewhere is not None and self._elsewhere.waits

    async def add(self, chunk: Chunk) -> None:
        """Pass a chunk, and mark it durable: it is in clean topic, dead letters or outcomes, as committed.

        A chunk whose partition changes hands while it waits for an earlier generation is left: it comes again.
        """
        known = self._elsewhere is None and self._looked == chunk.epoch
        if not known or not self._passages.is_open(chunk.partition, chunk.epoch):
            loop = asyncio.get_running_loop()
            if not await crossing("elsewhere", loop.run_in_executor(self._waiting, self._ready, chunk)):
                return
        passed = await crossing("gate", asyncio.to_thread(self._pass, chunk))
        self._app.mark_durable(self.name, TP(chunk.topic, chunk.partition), chunk.end)
        self._metrics.took(chunk, passed.clean + passed.dead_lettered + passed.dropped)
        for reason, number in passed.nameless.items():
            if number:
                NAMELESS.labels(self._kind, reason).inc(number)
        for outcome, number in (("dead_lettered", passed.dead_lettered), ("dropped", passed.dropped)):
            if number:
                REFUSED.labels(self._kind, outcome).inc(number)
        for project, number in passed.removed.items():
            REMOVED.labels(self._kind, project).inc(number)

    def _ready(self, chunk: Chunk) -> bool:
        """Whether the chunk may pass now; if so, its partition's passage is open. Both may wait for other gates."""
        if not self._caught_up(chunk):
            return False
        self._passage(chunk)
        return True

    def _caught_up(self, chunk: Chunk) -> bool:
        """Whether all that other generations passed before the chunk is known. A rebalance comes with new topics.

        One left chunk leaves those behind it, too: the progress of one that was passed would cover what it left.
        """
        if not self._app.is_current(chunk):
            return False
        there = self._elsewhere or Elsewhere(self._brokers, self.topic, self._app.conf.id)
        if self._looked != chunk.epoch and not there.look():
            there.close()
            self._elsewhere, self._looked = None, chunk.epoch
            return True
        self._elsewhere, self._looked = there, chunk.epoch
        return there.catch_up(lambda: self._app.is_current(chunk))

    def _passage(self, chunk: Chunk) -> Passage:
        return self._passages.of(chunk.partition, chunk.epoch, lambda: self._app.owned(chunk.topic))

    def _pass(self, chunk: Chunk) -> Passed:
        passage = self._passage(chunk)
        others = self._elsewhere.known if self._elsewhere else None
        passed = passage.take(chunk, others)
        horizons = [known.horizon_ms or 0 for known in (passage.seen, others) if known is not None]
        HORIZON.labels(chunk.topic, chunk.partition).set(max(horizons) / 1e3)
        return passed
