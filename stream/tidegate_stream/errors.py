"""What can go wrong in the stream. Each ends the worker, which is restarted and replays from its last commit."""

from __future__ import annotations


class StreamError(Exception):
    """Base of the stream's errors."""


class ChunkLostError(StreamError):
    """Records between what an agent has seen and the chunk that it was given never arrived."""

    def __init__(self, agent: str, topic: str, partition: int, position: int, start: int) -> None:
        super().__init__(
            f"agent {agent}: {topic}/{partition} was read up to offset {position}, and the next chunk starts at "
            f"{start}; {start - position} offsets never arrived. The worker ends and reads again from its last commit"
        )


class StateLostError(StreamError):
    """Offsets are committed that no recovered delta includes."""

    def __init__(self, agent: str, topic: str, partition: int, committed: int) -> None:
        super().__init__(
            f"agent {agent}: {topic}/{partition} is committed up to offset {committed}, but the agent's changelog is "
            f"empty. Its state was lost, or the agent is new on this topic. To start it from the beginning of the log, "
            f"stop all workers and delete the consumer group's offsets; every agent then replays, and its fence keeps "
            f"it from counting twice"
        )


class PoisonedCleanTopicError(StreamError):
    """A clean topic holds a record that is no clean event: something but the gate wrote to it."""

    def __init__(self, topic: str, partition: int, offset: int, reason: str) -> None:
        super().__init__(
            f"{topic}/{partition} offset {offset}: {reason}. Only the gate may write to clean topics; "
            f"find the other writer and restrict the topic's ACL"
        )
