"""What became of a request's records, whoever tells it and in whatever order."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from threading import Thread

import pytest

from tidegate.publish import KeyAndValue
from tidegate_gateway.delivery import Delivery

RECORDS: list[KeyAndValue] = [(b"key", f"value-{number}".encode()) for number in range(1, 6)]


class Asked:
    """Notes what was settled."""

    def __init__(self) -> None:
        self.settled: list[tuple[range, set[int]]] = []

    def delivery(self, numbers: range) -> Delivery:
        return Delivery(asyncio.get_running_loop(), numbers, self.note)

    def note(self, numbers: range, failed: Collection[int]) -> None:
        self.settled.append((numbers, set(failed)))


async def test_it_is_done_when_each_record_is_answered_for_and_no_sooner() -> None:
    asked = Asked()
    delivery = asked.delivery(range(1, 6))
    delivery.expect(RECORDS, range(1, 6))
    for _ in range(5):
        delivery.answered(None)
    await asyncio.sleep(0)
    assert not delivery.done.done()
    delivery.seal()
    assert await delivery.done is None
    assert asked.settled == [(range(1, 6), set())]


async def test_those_that_failed_are_found_by_their_bytes() -> None:
    asked = Asked()
    delivery = asked.delivery(range(1, 6))
    delivery.expect(RECORDS, range(1, 6))
    delivery.seal()
    for number, record in enumerate(RECORDS, 1):
        if number in {2, 5}:
            delivery.give_back(record, "timed out", delivery.answered)
        else:
            delivery.answered(None)
    assert await delivery.done == "timed out"
    assert asked.settled == [(range(1, 6), {2, 5})]


async def test_numbers_that_were_never_handed_over_have_failed() -> None:
    asked = Asked()
    delivery = asked.delivery(range(1, 8))
    delivery.expect(RECORDS[:3], range(1, 4))
    apart = delivery.expect_one(4)
    delivery.seal()
    for answered in (apart, *[delivery.answered] * 3):
        answered(None)
    assert await delivery.done is None
    assert asked.settled == [(range(1, 8), {5, 6, 7})]


async def test_a_number_of_its_senders_own_is_none_of_ours() -> None:
    asked = Asked()
    delivery = asked.delivery(range(0))
    delivery.expect(RECORDS[:2], [0, 0])
    delivery.seal()
    delivery.answered(None)
    delivery.give_back(RECORDS[1], "timed out", None)
    assert await delivery.done == "timed out"
    assert asked.settled == [(range(0), set())]


async def test_a_late_answer_still_settles_its_numbers() -> None:
    asked = Asked()
    delivery = asked.delivery(range(1, 6))
    delivery.expect(RECORDS, range(1, 6))
    delivery.seal()
    delivery.give_up("no acknowledgement")
    assert await delivery.done == "no acknowledgement"
    assert asked.settled == []
    for _ in range(5):
        delivery.answered(None)
    assert asked.settled == [(range(1, 6), set())]


@pytest.mark.parametrize("threads", [1, 4])
async def test_any_thread_may_tell_and_it_is_settled_once(threads: int) -> None:
    asked, each = Asked(), 500
    delivery = asked.delivery(range(1, threads * each + 1))
    records = [(b"key", str(number).encode()) for number in range(threads * each)]
    delivery.expect(records, range(1, threads * each + 1))

    def tell() -> None:
        for _ in range(each):
            delivery.answered(None)

    running = [Thread(target=tell) for _ in range(threads)]
    for thread in running:
        thread.start()
    delivery.seal()
    assert await asyncio.wait_for(delivery.done, 10) is None
    for thread in running:
        thread.join()
    assert len(asked.settled) == 1
