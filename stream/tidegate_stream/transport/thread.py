"""The consumer's thread: fetches, and packs what it fetched into chunks."""

from __future__ import annotations

import time
from collections import OrderedDict, defaultdict
from collections.abc import Container, Mapping
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from tidegate_stream.failpoint import crossing
from tidegate_stream.transport.chunk import Chunk, ChunkRecord
from tidegate_stream.transport.watch import Extent

if TYPE_CHECKING:
    from tidegate_stream.transport.app import ChunkApp

#: A chunk costs some 10 ms however small it is, so the broker gathers records for a while before it answers a fetch.
FETCH_MIN_BYTES = 1 << 20
FETCH_MAX_WAIT_MS = 250


class _Fetched(OrderedDict[TP, Any]):
    """What aiokafka has fetched and not yet handed out, of chunked topics without a Python object a record.

    Its `ConsumerRecord` takes 0.8 µs of the 1.2 that a record costs on its way into a chunk; the parser's own record,
    in C, has all that `chunk.Record` asks for.
    """

    def __init__(self, chunked: Container[str]) -> None:
        super().__init__()
        self._chunked = chunked

    def __setitem__(self, tp: TP, fetched: Any) -> None:
        # An error has no records.
        if tp.topic in self._chunked and hasattr(fetched, "_partition_records"):
            fetched._partition_records._consumer_record = lambda _tp, record: record
        super().__setitem__(tp, fetched)


class ChunkConsumerThread(driver.AIOKafkaConsumerThread):
    """Fetches; returns one record-like chunk for each partition of a chunked topic."""

    app: ChunkApp

    def __post_init__(self) -> None:
        """Faust calls this at the end of its constructor."""
        super().__post_init__()
        #: Counts assignments and seeks; a chunk of another epoch was fetched for nothing.
        self.epoch = 0
        #: Where the last seek put each chunked partition; empty from an assignment to its seek.
        self.sought: dict[TP, int] = {}
        #: What agents need, for their states to have no gap: partition -> agent -> offset; from recovery to the seek.
        self.needed: defaultdict[TP, dict[str, int]] = defaultdict(dict)
        #: One past the last record of the latest chunk of this epoch.
        self._reached: dict[TP, int] = {}

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """A new generation: nothing fetched before its own seek counts."""
        self.sought, self.epoch = {}, self.epoch + 1
        self.needed.clear()
        await crossing("assign", super().on_partitions_assigned(assigned, generation_id))

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek every assigned partition, in the consumer's own thread."""
        sought: Mapping[TP, int] = await crossing("rewind", self.call_thread(self._rewind))
        return sought

    async def _rewind(self) -> Mapping[TP, int]:
        """Seek to the committed offsets, to the beginning of the log where there is none, and further back on demand.

        An agent whose state ends below the commit (it is new on the topic, or its changelog was lost) gets what it
        needs, as far as the log still has it; the fences of the others skip it.
        aiokafka's `seek_to_committed` leaves a partition without a commit where it stands. Faust seeks because it has
        thrown fetched messages away, so the first records would be lost: up to 10,000 of 50,000, and committed past.
        """
        consumer = self._ensure_consumer()
        committed = {tp: await crossing("read_commit", consumer.committed(tp)) for tp in consumer.assignment()}
        starts = {tp: min([offset or 0, *self.needed[tp].values()]) for tp, offset in committed.items()}
        fresh = [
            tp for tp, start in starts.items() if tp.topic in self.app.chunked_topics and start < (committed[tp] or 1)
        ]
        begins = await crossing("read_begin", consumer.beginning_offsets(fresh)) if fresh else {}
        # No await from here on: what was fetched before has the old epoch, what comes has the new one.
        targets = {tp: max(starts[tp], begins[tp]) if tp in begins else offset for tp, offset in committed.items()}
        for tp, target in targets.items():
            if target is not None and tp in consumer.assignment():
                consumer.seek(tp, target)
        self.sought = {
            tp: target for tp, target in targets.items() if target is not None and tp.topic in self.app.chunked_topics
        }
        self._reached = dict(self.sought)
        self.epoch += 1
        return committed

    async def extents(self) -> Mapping[TP, Extent]:
        """Where each chunked partition stands that was sought in this generation."""
        found: Mapping[TP, Extent] = await crossing("extents", self.call_thread(self._extents))
        return found

    async def _extents(self) -> Mapping[TP, Extent]:
        consumer, found = self._ensure_consumer(), {}
        for tp in consumer.assignment() & self.sought.keys():
            end, state = consumer.highwater(tp), consumer._subscription.subscription.assignment.state_value(tp)
            if end is not None and state.has_valid_position:
                reached = self._reached.get(tp, self.sought[tp])
                committed = self.app.committed(tp) or self.sought[tp]
                found[tp] = Extent(committed, reached, state.position, end)
        return found

    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # Faust passes an isolation level only in its own exactly_once mode; it is read when the consumer starts.
        consumer._isolation_level = self.app.isolation_level
        consumer._fetch_min_bytes, consumer._fetch_max_wait_ms = FETCH_MIN_BYTES, FETCH_MAX_WAIT_MS
        return consumer

    async def _fetch_records(
        self,
        consumer: AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is Faust's
        max_records: int | None = None,
    ) -> Mapping[TP, list[Any]]:
        if not isinstance(consumer._fetcher._records, _Fetched):
            fetched_before, consumer._fetcher._records = consumer._fetcher._records, _Fetched(self.app.chunked_topics)
            consumer._fetcher._records.update(fetched_before)
        fetching = super()._fetch_records(consumer, active_partitions, timeout=timeout, max_records=max_records)
        fetched = await crossing("fetch", fetching)
        return {tp: self._pack(tp, records) for tp, records in fetched.items()}

    def _pack(self, tp: TP, records: list[Any]) -> list[Any]:
        """One chunk, which begins where the one before it ended.

        The client hands records out in order and without gaps between two seeks, so what lies between is holes. Its
        position is no better start: it moves on over transaction markers without a record to show for it. Whoever
        drops a chunk on its way to an agent leaves a gap in this chain, and the agent's state refuses the next one.
        """
        if not records or tp.topic not in self.app.chunked_topics:
            return records
        start, end = self._reached.get(tp, records[0].offset), records[-1].offset + 1
        behind = max((self._ensure_consumer().highwater(tp) or 0) - end, 0)
        age_seconds = time.time() - records[-1].timestamp / 1000
        chunk = Chunk(tp.topic, tp.partition, start, self.epoch, records, behind, age_seconds)
        self._reached[tp] = end
        return [ChunkRecord.of(chunk)]
