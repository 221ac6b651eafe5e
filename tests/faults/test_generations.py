"""From two partitions to four while events come: each counts once, and copies of those before the switch don't."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from tests.faults.stack import Stack, running
from tests.faults.totals import BATCH, batch, problems
from tests.waiting import comes_true

from tidegate.publish import KafkaPublisher
from tidegate_infra.broker.topics import create_topics, tidegate_topics
from tidegate_schemas.topics import CONSENTS, ERASURES
from tidegate_stream.flight import in_flight

pytestmark = [pytest.mark.faults, pytest.mark.broker, pytest.mark.clickhouse, pytest.mark.timeout(300)]

NEW = {"GENERATION": "2", "PARTITIONS": "4"}
ARCHIVED = "SELECT count() FROM tidegate.events_track FINAL"
PATIENCE_SECONDS = 90.0


class Switching:
    """A stack, a gateway that was restarted with the new generation, and one that wasn't yet."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.old = KafkaPublisher(stack.brokers)
        create_topics(stack.brokers, tidegate_topics(4, generation=2))
        self.new = KafkaPublisher(stack.brokers, generation=2)

    def until(self, worker: subprocess.Popen[bytes], what: Callable[[], bool]) -> None:
        """Wait for a state while the worker lives."""

        def reached() -> bool:
            assert worker.poll() is None, self.stack.log()
            return what()

        assert comes_true(reached, PATIENCE_SECONDS), self.stack.log()

    def archived(self, batches: int) -> bool:
        """Whether so many batches are in the archive."""
        return self.stack.ask(ARCHIVED) >= batches * BATCH

    def settled(self) -> bool:
        """Whether nothing of either generation is in flight."""
        return not in_flight(self.stack.brokers)


@pytest.fixture
def switching(tmp_path: Path) -> Iterator[Switching]:
    with running(tmp_path) as stack:
        made = Switching(stack)
        yield made
        made.old.close()
        made.new.close()


def send(publisher: KafkaPublisher, numbers: Iterable[int]) -> None:
    for number in numbers:
        for kind, event in batch(number):
            publisher.publish(kind, event)
        assert publisher.flush(30) == 0


def stopped(worker: subprocess.Popen[bytes]) -> None:
    worker.terminate()
    worker.wait(30)


@pytest.mark.parametrize(("broken", "doubled"), [("", 0), ("forgets other generations", 3)])
def test_each_event_counts_once_across_the_switch(switching: Switching, broken: str, doubled: int) -> None:
    stack = switching.stack
    worker = stack.worker()
    with ThreadPoolExecutor() as pool:
        early = pool.submit(send, switching.old, range(6))
        switching.until(worker, lambda: switching.archived(1))
        stopped(worker)
        early.result()
        send(switching.old, [6])
        assert in_flight(stack.brokers) >= BATCH
        worker = stack.worker(BROKEN=broken, **NEW)
        traffic = [pool.submit(send, switching.new, range(7, 12)), pool.submit(send, switching.old, range(12, 16))]
        for sending in traffic:
            sending.result()
        switching.until(worker, lambda: switching.archived(16))
        send(switching.old, [16, 8])
        switching.until(worker, lambda: switching.archived(17))
        send(switching.new, [0, 8, 16])
        switching.until(worker, switching.settled)
    stopped(worker)
    assert (problems(stack, 17 * BATCH) == []) == (not broken)
    assert stack.ask(ARCHIVED) == (17 + doubled) * BATCH
    assert stack.ask("SELECT sum(count) FROM analytics.usage") == (17 + doubled) * BATCH
    rows = "SELECT count(), uniqExact(source_partition) FROM tidegate.events_track FINAL"
    old, new = (
        stack.client.query(f"{rows} WHERE bitShiftRight(version, 48) = {generation}").result_rows[0]
        for generation in (1, 2)
    )
    assert old == ((12 + (doubled > 0)) * BATCH, 2)
    assert new == ((5 + max(0, doubled - 1)) * BATCH, 4)


def test_workers_may_be_restarted_one_after_the_other(switching: Switching) -> None:
    stack = switching.stack
    first, second = stack.worker(), stack.worker()
    send(switching.old, range(3))
    switching.until(first, lambda: switching.archived(1))
    stopped(first)
    first = stack.worker(**NEW)
    send(switching.old, [3])
    send(switching.new, [4])
    switching.until(first, lambda: switching.archived(5))
    assert second.poll() is None
    stopped(second)
    second = stack.worker(**NEW)
    send(switching.new, [5, 0, 4])
    switching.until(second, lambda: switching.archived(6) and switching.settled())
    stopped(first)
    stopped(second)
    assert problems(stack, 6 * BATCH) == []


def test_nothing_overtakes_what_no_worker_takes_and_waiting_for_it_can_be_stopped(switching: Switching) -> None:
    stack = switching.stack
    send(switching.old, [0])
    send(switching.new, [1])
    worker = stack.worker(BROKEN="leaves the rest behind", STUCK_SECONDS="5", **NEW)
    switching.until(worker, lambda: "raw.track.g2 waits for what is left in raw.track" in stack.log())
    assert not comes_true(lambda: worker.poll() is not None, 8.0)
    stopped(worker)
    assert in_flight(stack.brokers) == 2 * BATCH
    worker = stack.worker(**NEW)
    switching.until(worker, switching.settled)
    stopped(worker)
    assert problems(stack, 2 * BATCH) == []


@pytest.mark.parametrize("overtaken", [False, True])
def test_a_copy_waits_for_what_came_before_in_an_earlier_generation(switching: Switching, overtaken: bool) -> None:
    send(switching.old, [0])
    send(switching.new, [1, 0])
    broken = "overtakes the first generation" if overtaken else "halts the first generation"
    worker = switching.stack.worker(BROKEN=broken, **NEW)
    switching.until(worker, switching.settled)
    stopped(worker)
    assert (switching.stack.ask(ARCHIVED) > 2 * BATCH) == overtaken
    assert (problems(switching.stack, 2 * BATCH) == []) != overtaken


def test_a_writer_that_never_stops_doesnt_halt_the_new_generation(switching: Switching) -> None:
    stack = switching.stack
    stop = threading.Event()

    def write() -> int:
        number = 100
        while not stop.wait(0.05):
            send(switching.old, [number])
            number += 1
        return number - 100

    with ThreadPoolExecutor() as pool:
        writing = pool.submit(write)
        try:
            worker = stack.worker(**NEW)
            send(switching.new, [0])
            of_the_new = f"{ARCHIVED} WHERE bitShiftRight(version, 48) = 2"
            switching.until(worker, lambda: stack.ask(of_the_new) == BATCH)
            send(switching.new, [100, 1])
            switching.until(worker, lambda: stack.ask(of_the_new) == 2 * BATCH)
        finally:
            stop.set()
        late = writing.result()
    switching.until(worker, switching.settled)
    stopped(worker)
    assert problems(stack, (late + 2) * BATCH) == []


def test_a_third_generation_waits_for_both(switching: Switching) -> None:
    stack = switching.stack
    create_topics(stack.brokers, tidegate_topics(3, generation=3))
    newest = KafkaPublisher(stack.brokers, generation=3)
    send(switching.old, [0, 1])
    send(switching.new, [2, 0])
    send(newest, [3, 1, 2])
    worker = stack.worker(GENERATION="3", PARTITIONS="3")
    switching.until(worker, switching.settled)
    stopped(worker)
    newest.close()
    assert problems(stack, 4 * BATCH) == []


KILLED_AT = (
    "elsewhere.before:2",
    "elsewhere.after:2",
    "transaction_written:1",
    "transaction_committed:1",
    "gate.after:2",
)


def test_killed_while_it_reads_two_generations_each_event_counts_once(switching: Switching) -> None:
    stack = switching.stack
    for number, point in enumerate(KILLED_AT):
        send(switching.old, [2 * number])
        send(switching.new, [2 * number + 1, 2 * number, max(0, 2 * number - 1)])
        stack.killed_at(point, **NEW)
    stack.drain(GENERATION="2", PARTITIONS="4")
    assert problems(stack, 2 * len(KILLED_AT) * BATCH) == []


def test_a_group_that_kafka_forgot_is_read_again_and_doubles_nothing(switching: Switching) -> None:
    stack = switching.stack
    send(switching.old, [0])
    stack.drain()
    admin = AdminClient({"bootstrap.servers": stack.brokers})
    admin.delete_consumer_groups(["tidegate"])["tidegate"].result(30)
    assert in_flight(stack.brokers) >= BATCH
    send(switching.new, [1, 0])
    worker = stack.worker(**NEW)
    switching.until(worker, lambda: switching.archived(2) and switching.settled())
    stopped(worker)
    assert problems(stack, 2 * BATCH) == []


def test_topics_of_an_earlier_generation_may_be_deleted_beside_a_worker(switching: Switching) -> None:
    stack = switching.stack
    send(switching.old, [0])
    worker = stack.worker(**NEW)
    switching.until(worker, lambda: switching.archived(1) and switching.settled())
    admin = AdminClient({"bootstrap.servers": stack.brokers})
    for deleted in admin.delete_topics(
        [
            topic.name
            for topic in tidegate_topics(2)
            if "gate-ids" not in topic.name and topic.name not in (CONSENTS, ERASURES)
        ]
    ).values():
        deleted.result(30)
    send(switching.new, [1, 0])
    switching.until(worker, lambda: switching.archived(2) and switching.settled())
    stopped(worker)
    worker = stack.worker(**NEW)
    send(switching.new, [2, 0])
    switching.until(worker, lambda: switching.archived(3) and switching.settled())
    stopped(worker)
    assert problems(stack, 3 * BATCH) == []
