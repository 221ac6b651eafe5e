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
    """A changelog holds entries from which no state can be made."""

    def __init__(self, agent: str, topic: str, partition: int, entries: int) -> None:
        super().__init__(
            f"agent {agent}: of {entries} changelog entries for {topic}/{partition} none is a whole snapshot or begins "
            f"at the log's beginning; part of the changelog was lost. Stop all workers, delete the agent's changelog "
            f"topic and start them again: the agent folds the log from its beginning, and `tidegate reconcile` says "
            f"whether the log still reached back far enough"
        )


class NotRecoveredError(StreamError):
    """An agent was given records of a partition whose state it has not."""

    def __init__(self, agent: str, topic: str, partition: int) -> None:
        super().__init__(
            f"agent {agent} was given records of {topic}/{partition} without its state: its changelog was not assigned "
            f"with it, as the consumer group didn't know that topic yet. The worker ends and reads again from its last "
            f"commit; if it happens again, look whether the agent's changelog topic has as many partitions"
        )


class CommitsUnknownError(StreamError):
    """The broker doesn't say what is committed. Alone among these it ends nothing: the reconciler tries again."""

    def __init__(self, brokers: str, cause: str) -> None:
        super().__init__(f"{brokers} doesn't say what the worker has committed: {cause}")


class StuckCommitError(StreamError):
    """Records wait, and the commit doesn't move."""

    def __init__(self, topic: str, partition: int, committed: int, lag: int, seconds: float) -> None:
        super().__init__(
            f"{topic}/{partition} stays committed at offset {committed} for {seconds:.0f} s, with a lag of {lag}. "
            f"The worker ends and reads again from there; if it happens again, look at tidegate_stream_flush_seconds "
            f"and at what the log says of ClickHouse and Kafka"
        )


class PoisonedCleanTopicError(StreamError):
    """A clean topic holds a record that is no clean event: something but the gate wrote to it."""

    def __init__(self, topic: str, partition: int, offset: int, reason: str) -> None:
        super().__init__(
            f"{topic}/{partition} offset {offset}: {reason}. Only the gate may write to clean topics; "
            f"find the other writer and restrict the topic's ACL"
        )
