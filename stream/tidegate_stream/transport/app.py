"""A Faust app whose chunked topics commit what `mark_durable` says, and that ends at the first error."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Mapping
from typing import Any, cast

import faust
from faust.types import TP
from mode.utils.queues import ThrowableQueue

from tidegate_stream.transport.chunk import Chunk
from tidegate_stream.transport.consumer import ChunkConsumer, ChunkTransport
from tidegate_stream.transport.queue import ChunkQueue, Holders
from tidegate_stream.transport.watch import Extent

log = logging.getLogger(__name__)

#: Exit code of a worker that found an error: its supervisor restarts it, and it replays from the last commit.
EXIT_FAILED = 70


class ChunkTopic(faust.Topic):
    """A topic whose agents' queue is not emptied when the flow resumes.

    `flow_control.resume()` comes after the seek; a chunk that arrived between would be lost. What is left of an older
    generation is skipped by the stream.
    """

    @property
    def queue(self) -> ThrowableQueue[Any]:
        """The queue that agents read."""
        app = cast("ChunkApp", self.app)
        if self._queue is None and not app.chunk_agents.keys().isdisjoint(self.topics):
            size = self.maxsize or app.conf.stream_buffer_maxsize
            self._queue = ChunkQueue(size, flow_control=app.flow_control, holders=app.holders)
        return super().queue


class ChunkApp(faust.App):
    """A Faust app. `holds` declares each agent on a chunked topic before the app starts."""

    isolation_level = "read_committed"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        #: topic -> names of the agents that must hold an offset before it may be committed
        self.chunk_agents: dict[str, set[str]] = {}
        self.holders: Holders = {}
        super().__init__(*args, **kwargs)

    @property
    def chunked_topics(self) -> Collection[str]:
        """Topics whose agents get chunks."""
        return self.chunk_agents.keys()

    def holds(self, agent: str, topic: str) -> None:
        """Let an agent read a topic in chunks: its commits wait for the agent."""
        self.chunk_agents.setdefault(topic, set()).add(agent)

    def _new_transport(self) -> ChunkTransport:
        return ChunkTransport(self.conf.broker_consumer, self)

    def mark_durable(self, agent: str, tp: TP, end: int) -> None:
        """All records of `tp` below `end` are in the agent's changelog and in its sink.

        The sentence stays true for ever, in any generation and for a zombie too, so a late call does no harm.
        """
        self._chunks.mark_durable(agent, tp, end)

    def read_from(self, agent: str, tp: TP, offset: int) -> None:
        """What an agent needs after recovery: all records of `tp` from `offset` on, committed ones included."""
        self._chunks.read_from(agent, tp, offset)

    def committed(self, tp: TP) -> int | None:
        """The offset that this worker knows as committed."""
        return self._chunks.committed(tp)

    async def extents(self) -> Mapping[TP, Extent]:
        """Where each owned partition of a chunked topic stands; none before the first assignment."""
        return await self._chunks.extents()

    def sought(self, tp: TP) -> int:
        """Where this generation began to read a partition."""
        return self._chunks.sought(tp)

    def owned(self, topic: str) -> Collection[int]:
        """The partitions of a topic that this worker has been given."""
        return {tp.partition for tp in self.consumer.assignment() if tp.topic == topic}

    def is_current(self, chunk: Chunk) -> bool:
        """Whether nothing happened since a chunk was fetched that makes it come again; False once the app stops."""
        return chunk.epoch == self._chunks.epoch and not self.should_stop

    @property
    def _chunks(self) -> ChunkConsumer:
        return cast("ChunkConsumer", self.consumer)

    def fail(self, error: BaseException) -> None:
        """Leave at once: whatever was not durable is replayed. Never skip and go on."""
        log.critical("worker ends, to be restarted and replay: %s", error, exc_info=error)
        logging.shutdown()
        os._exit(EXIT_FAILED)

    async def _on_agent_error(self, agent: Any, error: BaseException) -> None:
        """By default Faust logs, commits, and restarts the agent behind the message that failed."""
        self.fail(error)
