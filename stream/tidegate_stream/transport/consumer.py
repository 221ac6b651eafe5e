"""The consumer: commits follow what every agent holds durably, never Faust's acks."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from tidegate_stream.failpoint import crossing
from tidegate_stream.transport.chunk import Chunk
from tidegate_stream.transport.thread import ChunkConsumerThread
from tidegate_stream.transport.watch import Extent

if TYPE_CHECKING:
    from tidegate_stream.transport.app import ChunkApp

#: A fetch asks for the partitions that nobody holds back when it begins, and waits for a second if those are quiet. One
#: that goes on meanwhile had to wait as well: a worker with a backlog idled for a third of its time.
HELD_BACK_SECONDS = 0.03


class ReadOffsets(defaultdict[TP, "int | None"]):
    """Faust's read offsets, which never know a chunked partition.

    `Consumer._drain_messages` drops a message below the read offset. A chunk that overlaps it would be dropped whole,
    its new records included. Replays are the fence's business.
    """

    def __init__(self, chunked_topics: Collection[str]) -> None:
        super().__init__(lambda: None)
        self._chunked = chunked_topics

    def __missing__(self, tp: TP) -> None:
        return None

    def __setitem__(self, tp: TP, offset: int | None) -> None:
        if tp.topic not in self._chunked:
            super().__setitem__(tp, offset)

    def update(self, other: Mapping[TP, int | None]) -> None:  # type: ignore[override]
        """As `dict.update`, by way of `__setitem__`."""
        for tp, offset in other.items():
            self[tp] = offset


class ChunkConsumer(driver.Consumer):
    """Commits chunked partitions up to what every agent holds durably."""

    app: ChunkApp
    _thread: ChunkConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_offset = ReadOffsets(self.app.chunked_topics)
        #: Per partition and agent: one past the last offset that is durable there.
        self._durable: defaultdict[TP, dict[str, int]] = defaultdict(dict)

    def _new_consumer_thread(self) -> ChunkConsumerThread:
        return ChunkConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:  # noqa: ASYNC109 - Faust's
        """Without chunks from before the seek that ends a rebalance: they come again.

        `Recovery.on_recovery_completed` resumes fetching first, and seeks afterwards.
        While a partition is held back, it looks again soon.
        """
        if any(self.app.holders.values()):
            timeout = min(timeout, HELD_BACK_SECONDS)
            if self.flow_active and not self._get_active_partitions():
                # Faust would sleep for a second.
                await asyncio.sleep(timeout)
                return
        async for tp, message in super().getmany(timeout):
            chunk = message.value
            if not isinstance(chunk, Chunk) or (chunk.epoch == self._thread.epoch and tp in self._thread.sought):
                yield tp, message

    def mark_durable(self, agent: str, tp: TP, end: int) -> None:
        """`agent` holds everything of `tp` below `end`; never moves back."""
        agents = self._durable[tp]
        agents[agent] = max(end, agents.get(agent, 0))

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Forget what was held: the next owner says it again."""
        for tp in revoked:
            self._durable.pop(tp, None)
        await crossing("revoke", super().on_partitions_revoked(revoked))

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        pending = super()._filter_tps_with_pending_acks(topics)
        yield from (tp for tp in pending if tp.topic not in self.app.chunked_topics)
        yield from (tp for tp in self._durable if topics is None or tp in topics or tp.topic in topics)

    def _new_offset(self, tp: TP) -> int | None:
        expected = self.app.chunk_agents.get(tp.topic)
        if expected is None:
            offset: int | None = super()._new_offset(tp)
            return offset
        self._acked.pop(tp, None)  # what Faust's streams acked by themselves
        self._acked_index.pop(tp, None)
        durable = self._durable[tp]
        return min(durable.values()) if expected <= durable.keys() else None

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:
        done: bool = await crossing("commit", super()._commit_offsets(offsets, start_new_transaction))
        return done

    def read_from(self, agent: str, tp: TP, offset: int) -> None:
        """`agent` needs `tp` from `offset` on, in this generation; said after recovery, before the seek."""
        self._thread.needed[tp][agent] = offset

    def committed(self, tp: TP) -> int | None:
        """The offset that this consumer knows as committed."""
        offset: int | None = self._committed_offset[tp]
        return offset

    async def extents(self) -> Mapping[TP, Extent]:
        """Where each owned partition of a chunked topic stands."""
        return await self._thread.extents()

    @property
    def epoch(self) -> int:
        """Counts assignments and seeks."""
        return self._thread.epoch

    def sought(self, tp: TP) -> int:
        """Where this generation began to read `tp`."""
        return self._thread.sought[tp]


class ChunkTransport(driver.Transport):
    """Faust's Kafka transport with our consumer."""

    Consumer = ChunkConsumer
