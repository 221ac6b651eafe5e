"""How far an agent has seen each partition of its topic, and whether the next chunk follows on."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tidegate_stream.errors import ChunkLostError
from tidegate_stream.transport.chunk import Chunk


class Positions:
    """Per partition, one past everything seen. A chunk may begin below its partition's position, never above it."""

    def __init__(self, agent: str) -> None:
        self._agent = agent
        self._reached: dict[int, int] = {}

    def restart(self, reached: Mapping[int, int] | None = None) -> None:
        """Begin anew, from these positions; other partitions begin where the consumer was sought to."""
        self._reached = dict(reached or {})

    def follow(self, chunk: Chunk, first: Callable[[], int]) -> None:
        """Take a chunk in. `first` tells the position of a partition that was not seen yet. Raises ChunkLostError."""
        position = self._reached.get(chunk.partition)
        if position is None:
            position = first()
        if chunk.start > position:
            raise ChunkLostError(self._agent, chunk.topic, chunk.partition, position, chunk.start)
        self._reached[chunk.partition] = max(chunk.end, position)
