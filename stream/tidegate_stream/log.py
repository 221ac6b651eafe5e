"""Kafka's log as anyone may read it, without joining a group: records of partitions, and where they end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Self, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

Place = tuple[str, int]
"""A topic and a partition."""
Marks = Mapping[Place, int]
"""An offset for each topic and partition."""

_POLL_SECONDS = 0.1
_PAUSE_SECONDS = 0.2
_BATCH = 10_000
#: A broker that has just started doesn't know its coordinator yet, and a new topic's partitions have no leader yet.
_SETTLING = frozenset(
    {
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
    }
)
Answer = TypeVar("Answer")


def settled(ask: Callable[[], Answer], timeout_seconds: float, pause_seconds: float = _PAUSE_SECONDS) -> Answer:
    """The answer of a broker that may not have found its order yet: asked again until the time is over."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            return ask()
        except KafkaException as error:
            if error.args[0].code() not in _SETTLING or time.monotonic() > deadline:
                raise
            time.sleep(pause_seconds)


class Log:
    """A broker's log. Every call blocks, `timeout_seconds` without an answer at most, and raises KafkaException then.

    `group` is the one whose commits are asked for. Use it from one thread at a time. `uncommitted`: records of
    transactions that are open or were aborted are read, too. `fetch_wait_ms`: how long a broker waits for more before
    it says that there is none.
    """

    def __init__(
        self,
        brokers: str,
        group: str = "tidegate-reader",
        timeout_seconds: float = 20.0,
        *,
        uncommitted: bool = False,
        fetch_wait_ms: int = 50,
    ) -> None:
        self._timeout_seconds = timeout_seconds
        self._consumer = Consumer(
            {
                "bootstrap.servers": brokers,
                "group.id": group,
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_uncommitted" if uncommitted else "read_committed",
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": fetch_wait_ms,
                "log_level": 2,  # a broker that is away is said by the call that needs it
            }
        )

    def close(self) -> None:
        """Let go of the broker."""
        self._consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def partitions(self) -> Mapping[str, int]:
        """Every topic with its partition count."""
        known = self._consumer.list_topics(timeout=self._timeout_seconds).topics
        return {name: len(topic.partitions) for name, topic in known.items() if topic.error is None}

    def places(self, topics: Iterable[str]) -> list[Place]:
        """The partitions of those topics that exist."""
        counts = self.partitions()
        return [(topic, number) for topic in topics for number in range(counts.get(topic, 0))]

    def extents(self, places: Iterable[Place]) -> Mapping[Place, tuple[int, int]]:
        """Where partitions begin, and one past their last offset.

        With `uncommitted` that is the log's end; else where the last transaction that is over ends: one that is open
        hides what was committed after it.
        """
        return {place: self._extent(TopicPartition(*place)) for place in places}

    def _extent(self, place: TopicPartition) -> tuple[int, int]:
        timeout = self._timeout_seconds
        return settled(lambda: self._consumer.get_watermark_offsets(place, timeout=timeout), timeout)

    def committed(self, places: Iterable[Place]) -> Marks:
        """The group's offsets; a partition without one is left out."""
        wanted, timeout = [TopicPartition(*place) for place in places], self._timeout_seconds
        if not wanted:
            return {}
        answer = settled(lambda: self._consumer.committed(wanted, timeout=timeout), timeout)
        return {(each.topic, each.partition): each.offset for each in answer if _sound(each).offset >= 0}

    def records(self, begins: Marks, ends: Marks | None = None) -> Iterator[Message]:
        """Records from the given offsets on, to the present end of each partition or to the given one.

        The present end is that of the last transaction that is over, unless uncommitted ones are read; a given one that
        lies further is waited for.
        """
        left = dict.fromkeys(begins, -1) if ends is None else {p: ends[p] for p in begins if begins[p] < ends[p]}
        if not left:
            return
        self._consumer.assign([TopicPartition(*place, begins[place]) for place in left])
        try:
            yield from self._until_read(left, given=ends is not None)
        finally:
            self._consumer.unassign()  # a broker answers the next question only after the fetch that is under way

    def _until_read(self, left: dict[Place, int], *, given: bool) -> Iterator[Message]:
        heard = time.monotonic()
        while left:
            for message in self._batch():
                heard = time.monotonic()
                place, error = (message.topic() or "", message.partition() or 0), message.error()
                if error is None:
                    yield message
                elif error.code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(error)
                reached = (message.offset() or 0) + (error is None)
                if place in left and (reached >= left[place] if given else error is not None):
                    del left[place]
            if time.monotonic() - heard > self._timeout_seconds:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))

    def _batch(self) -> list[Message]:
        """What is there; `consume` alone would wait for a full batch or the whole time."""
        first = self._consumer.poll(_POLL_SECONDS)
        return [] if first is None else [first, *self._consumer.consume(_BATCH, timeout=0)]


def _sound(answer: TopicPartition) -> TopicPartition:
    if answer.error is not None:
        raise KafkaException(answer.error)
    return answer
