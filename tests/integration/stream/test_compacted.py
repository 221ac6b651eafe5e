"""A compacted topic as a table: all that was written before it is asked, also by who never committed; on a broker."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from confluent_kafka import Producer

from tidegate_infra.broker.topics import Topic, create_topics
from tidegate_stream.gate.compacted import CompactedTable, Entry
from tidegate_stream.gate.errors import CompactedTableError

pytestmark = pytest.mark.broker


class Known:
    """What was taken, by key."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes | None] = {}
        self.taken = 0

    def take(self, entries: Sequence[Entry]) -> None:
        self.taken += len(entries)
        self.values |= {entry.key: entry.value for entry in entries}


def write(producer: Producer, topic: str, **values: str | None) -> None:
    for key, value in values.items():
        producer.produce(topic, key=key, value=value, partition=len(key) % 2)
    assert producer.flush(30) == 0


def test_what_was_written_before_the_question_is_known_after_it(broker: str) -> None:
    create_topics(broker, [Topic("compacted.known", 2, {"cleanup.policy": "compact"})])
    known, plain = Known(), Producer({"bootstrap.servers": broker})
    table = CompactedTable(broker, "compacted.known", known.take)
    table.catch_up()
    assert known.values == {}
    for number in range(5):
        write(plain, "compacted.known", a=f"{number}", bb=f"{number}")
        table.catch_up()
        assert known.values == {b"a": b"%d" % number, b"bb": b"%d" % number}
    write(plain, "compacted.known", a=None)
    threads = [threading.Thread(target=table.catch_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert known.values == {b"a": None, b"bb": b"4"}
    assert known.taken == 11  # each once
    table.close()


def test_a_transaction_that_hangs_holds_nobody_up_and_what_it_wrote_counts(broker: str) -> None:
    create_topics(broker, [Topic("compacted.hanging", 2, {"cleanup.policy": "compact"})])
    hanging = Producer({"bootstrap.servers": broker, "transactional.id": "hanging"})
    hanging.init_transactions(30)
    hanging.begin_transaction()
    write(hanging, "compacted.hanging", a="open")
    write(Producer({"bootstrap.servers": broker}), "compacted.hanging", aaa="behind it")
    known = Known()
    table = CompactedTable(broker, "compacted.hanging", known.take)
    table.catch_up()
    assert known.values == {b"a": b"open", b"aaa": b"behind it"}
    hanging.abort_transaction(30)
    table.catch_up()  # over the marker, at which no record is
    table.close()


def test_a_table_that_fails_to_take_gets_the_same_again(broker: str) -> None:
    create_topics(broker, [Topic("compacted.failing", 2, {"cleanup.policy": "compact"})])
    write(Producer({"bootstrap.servers": broker}), "compacted.failing", a="1")
    known, fail = Known(), [True]

    def take(entries: Sequence[Entry]) -> None:
        if fail.pop():
            raise ValueError("no")
        known.take(entries)

    table = CompactedTable(broker, "compacted.failing", take)
    with pytest.raises(ValueError, match="no"):
        table.catch_up()
    fail[:] = [False]
    table.catch_up()
    assert known.values == {b"a": b"1"}
    table.close()


def test_a_topic_that_is_not_there_is_an_error_and_no_empty_table(broker: str) -> None:
    table = CompactedTable(broker, "compacted.absent", Known().take)
    with pytest.raises(CompactedTableError, match=r"compacted\.absent could not be read: there is no such topic"):
        table.catch_up()
    table.close()
