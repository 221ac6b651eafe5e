"""The queue's laws: every accepted event is sent once, in order, and every number is an event's or a refused one's."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.counter import Numbering
from tidegate.errors import QueueFullError
from tidegate.outbox import EVENT_BYTES, Outbox, Waiting

LIMITS = settings(max_examples=40, deadline=None)


def numbering() -> Numbering:
    return Numbering("sdk", "shop", lambda: 0)


class Taken:
    """Takes what is sent, and holds it up until it is let go."""

    def __init__(self, *, held: bool = False) -> None:
        self.events: list[dict[str, Any]] = []
        self._go = threading.Event()
        if not held:
            self._go.set()

    def __call__(self, batch: Sequence[Waiting]) -> None:
        assert self._go.wait(30)
        self.events.extend(one.event for one in batch)

    def let_go(self) -> None:
        self._go.set()


@given(threads=st.integers(1, 6), events=st.integers(1, 300), many=st.booleans())
@LIMITS
def test_what_threads_put_is_sent_once_in_the_order_of_its_numbers(threads: int, events: int, many: bool) -> None:
    taken = Taken()
    outbox = Outbox(taken, numbering(), max_events=10_000, max_bytes=1 << 30)

    def put(thread: int) -> None:
        mine: list[dict[str, Any]] = [{"thread": thread, "event": number} for number in range(events)]
        if many:
            assert outbox.put_all([Waiting("track", event, 1) for event in mine]) == []
        else:
            for event in mine:
                outbox.put("track", event)

    running = [threading.Thread(target=put, args=[thread]) for thread in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert outbox.close(30) == 0
    assert [event["sequence"] for event in taken.events] == list(range(1, threads * events + 1))
    for one in range(threads):
        assert [event["event"] for event in taken.events if event["thread"] == one] == list(range(events))


@given(sizes=st.lists(st.integers(0, 3_000), max_size=40), room=st.integers(1, 20), more=st.integers(0, 20_000))
@LIMITS
def test_it_holds_no_more_than_it_may_and_refused_events_use_up_their_numbers(
    sizes: list[int], room: int, more: int
) -> None:
    taken, refused = Taken(held=True), []
    outbox = Outbox(taken, numbering(), max_events=room, max_bytes=EVENT_BYTES + more)
    held = 0
    for number, size in enumerate(sizes, 1):
        try:
            outbox.put("track", {}, size)
        except QueueFullError:
            refused.append(number)
        else:
            held += EVENT_BYTES + size
            assert held <= EVENT_BYTES + more
        assert len(outbox) <= room
    taken.let_go()
    assert outbox.close(30) == 0
    sent = [event["sequence"] for event in taken.events]
    assert sorted([*sent, *refused]) == list(range(1, len(sizes) + 1))
    assert sent == sorted(sent)


def test_a_sender_that_raises_loses_its_batch_and_goes_on() -> None:
    sent: list[int] = []

    def send(batch: Sequence[Waiting]) -> None:
        if batch[0].event["sequence"] == 1:
            raise RuntimeError("broken")
        sent.extend(one.event["sequence"] for one in batch)

    outbox = Outbox(send, numbering(), max_events=10, max_bytes=1 << 20)
    outbox.put("track", {})
    assert outbox.flush(30) == 0
    outbox.put("track", {})
    assert outbox.close(30) == 0
    assert sent == [2]


def test_a_flush_says_what_is_left_when_its_time_is_over() -> None:
    taken = Taken(held=True)
    outbox = Outbox(taken, numbering(), max_events=10, max_bytes=1 << 20)
    outbox.put("track", {})
    assert outbox.flush(0.05) == 1
    taken.let_go()
    assert outbox.close(30) == 0


def test_after_its_end_it_takes_nothing() -> None:
    outbox = Outbox(Taken(), numbering(), max_events=10, max_bytes=1 << 20)
    outbox.close(30)
    try:
        outbox.put("track", {})
    except QueueFullError as error:
        assert str(error) == "the client was shut down"
    else:
        raise AssertionError("it took an event")
