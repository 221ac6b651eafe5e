"""Agents' queues under pressure: a chunk a partition, no partition is forgotten, and bytes count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from faust.types import TP, EventT
from mode.utils.queues import FlowControlEvent, ThrowableQueue

from tidegate_stream.transport.chunk import Chunk
from tidegate_stream.transport.queue import ChunkQueue, Holders

MAX_CHUNKS = 8
PLACES = (TP("clean.metric", 0), TP("clean.metric", 1))


@dataclass
class Record:
    """A fetched record."""

    value: bytes | None
    offset: int = 0
    timestamp: int = 0
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass
class Message:
    """As much of Faust's as a queue sees."""

    tp: TP


@dataclass
class Event:
    """As much of Faust's as a queue sees."""

    message: Message
    value: Chunk


class Consumer:
    """What Faust's consumer and conductor do with pressure: a partition is fetched, or held back."""

    def __init__(self, *queues: ThrowableQueue[Any]) -> None:
        self.queues, self.held_back = queues, set[TP]()

    def deliver(self, tp: TP, size: int = 1) -> None:
        """One chunk to all queues, unless the partition is held back, or a queue is full, which blocks."""
        if tp in self.held_back or any(queue.full() for queue in self.queues):
            return
        event = Event(Message(tp), Chunk(tp.topic, tp.partition, 0, 0, [Record(b"x" * size)]))
        for queue in self.queues:
            queue.put_nowait_enhanced(
                cast("EventT[Any]", event),
                on_pressure_high=lambda: self.held_back.add(tp),
                on_pressure_drop=_Drop(self.held_back, tp),
            )


@dataclass(frozen=True)
class _Drop:
    """Equal to itself from call to call, as Faust's bound methods are."""

    held_back: set[TP] = field(compare=False)
    tp: TP

    def __call__(self) -> None:
        self.held_back.discard(self.tp)


def taken_by_the_slow_one(make: Callable[[], ThrowableQueue[Any]]) -> Counter[int]:
    """Chunks by partition that the slower of two agents takes, while the topic has more than it takes.

    Both hold partition 1 back. The fast one is done with what waited and lets it go on.
    """
    fast, slow = make(), make()
    consumer, taken = Consumer(fast, slow), Counter[int]()
    for _ in range(MAX_CHUNKS - 1):
        consumer.deliver(PLACES[1])
    consumer.deliver(PLACES[0])
    while not fast.empty():
        fast.get_nowait()
    for _ in range(1000):
        taken[slow.get_nowait().value.partition] += 1
        for tp in reversed(PLACES):
            consumer.deliver(tp)
        while not fast.empty():
            fast.get_nowait()
    return taken


def queue_of(holders: Holders, waiting_bytes: int = 1 << 20) -> ChunkQueue:
    return ChunkQueue(MAX_CHUNKS, flow_control=FlowControlEvent(), holders=holders, waiting_bytes=waiting_bytes)


def test_a_slow_agent_gets_all_partitions() -> None:
    holders: Holders = {}
    taken = taken_by_the_slow_one(lambda: queue_of(holders))
    assert min(taken[0], taken[1]) > 300, taken


def test_control_fausts_own_queues_forget_one_of_them() -> None:
    taken = taken_by_the_slow_one(lambda: ThrowableQueue(MAX_CHUNKS, flow_control=FlowControlEvent()))
    assert min(taken[0], taken[1]) < 100, taken


def test_a_partition_is_held_back_while_a_chunk_of_it_waits_and_no_longer() -> None:
    queue = queue_of({})
    consumer = Consumer(queue)
    for _ in range(3):
        for place in PLACES:
            consumer.deliver(place)
    assert (queue.qsize(), consumer.held_back) == (2, set(PLACES))
    assert queue.get_nowait().message.tp == PLACES[0]
    assert consumer.held_back == {PLACES[1]}
    assert queue.get_nowait().message.tp == PLACES[1]
    assert consumer.held_back == set()


def test_all_partitions_are_held_back_above_so_many_bytes() -> None:
    queue = queue_of({}, waiting_bytes=1000)
    consumer = Consumer(queue)
    consumer.deliver(PLACES[0], 400)
    consumer.deliver(PLACES[1], 1600)
    queue.get_nowait()
    assert (queue.bytes, consumer.held_back) == (1600, set(PLACES))
    queue.get_nowait()
    assert (queue.bytes, consumer.held_back) == (0, set())


def test_a_partition_goes_on_when_nobody_holds_it_back() -> None:
    holders: Holders = {}
    first, second = queue_of(holders), queue_of(holders)
    consumer = Consumer(first, second)
    for _ in range(MAX_CHUNKS):
        consumer.deliver(PLACES[0])
    assert consumer.held_back
    while not first.empty():
        first.get_nowait()
    assert consumer.held_back
    while not second.empty():
        second.get_nowait()
    assert not consumer.held_back


def test_one_chunk_above_all_bounds_is_still_taken() -> None:
    queue = queue_of({}, waiting_bytes=10)
    consumer = Consumer(queue)
    consumer.deliver(PLACES[0], 5000)
    assert len(cast(Chunk, queue.get_nowait().value).values[0]) == 5000
    consumer.deliver(PLACES[0], 5000)
    assert queue.qsize() == 1


@pytest.mark.parametrize("chunks", [1, MAX_CHUNKS])
def test_what_is_cleared_weighs_nothing(chunks: int) -> None:
    queue = queue_of({})
    consumer = Consumer(queue)
    for _ in range(chunks):
        consumer.deliver(PLACES[0], 7)
    queue.clear()
    assert (queue.bytes, consumer.held_back) == (0, set())
    consumer.deliver(PLACES[0])
    assert (queue.qsize(), consumer.held_back) == (1, {PLACES[0]})
