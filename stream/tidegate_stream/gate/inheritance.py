"""What a generation of topics knows of the events of those before it, so that copies of them are found, too.

An earlier generation had other partitions: an id may have been in any of them. Their ids get negative offsets, in the
order of time, so that they lie before everything of the new partition, and `Seen` forgets them by the same rule: of
all earlier partitions together the last `span` ids are remembered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import polars as pl
from confluent_kafka import Consumer, TopicPartition

from tidegate_schemas.topics import generation_of, ids_topic, kind_of
from tidegate_stream.gate.seen import Learnt
from tidegate_stream.gate.transaction import each_message

_TIMEOUT_SECONDS = 30.0


def inherited_ids(brokers: str, topic: str, span: int) -> tuple[list[Learnt], bool]:
    """Ids of the generations before an ids topic's own, and whether these are all that there ever were."""
    found: list[Learnt] = []
    complete = True
    for place in _earlier(brokers, topic):
        newest, whole = _newest(brokers, place, span)
        found.extend(newest)
        complete = complete and whole
    return list(before_all(sorted(found, key=lambda each: each.since_ms))), complete


def before_all(learnt: Iterable[Learnt]) -> Iterator[Learnt]:
    """The same ids, numbered up to -1 in the order given."""
    known = list(learnt)
    offset = -sum(each.ids.height for each in known)
    for each in known:
        numbers = pl.int_range(offset, offset + each.ids.height, dtype=pl.Int64, eager=True)
        yield Learnt(each.ids.with_columns(numbers.alias("offset")), each.since_ms)
        offset += each.ids.height


def _earlier(brokers: str, topic: str) -> list[TopicPartition]:
    """Partitions of the earlier generations' topics that are still there."""
    generation, kind = generation_of(topic), kind_of(topic)
    if generation == 1:
        return []
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "tidegate-gate-reader"})
    try:
        known = consumer.list_topics(timeout=_TIMEOUT_SECONDS).topics
    finally:
        consumer.close()
    names = [ids_topic(kind, number) for number in range(1, generation)]
    return [TopicPartition(name, number) for name in names if name in known for number in known[name].partitions]


def _newest(brokers: str, place: TopicPartition, span: int) -> tuple[list[Learnt], bool]:
    """The last ids of a partition, at least `span` if there are so many, and whether they are all it ever had."""
    kept: deque[Learnt] = deque()
    ids, whole, first = 0, True, True
    for message in each_message(brokers, place):
        whole, first = whole and (not first or message.offset() == 0), False
        if (value := message.value()) is None:
            continue
        kept.append(Learnt.decode(value))
        ids += kept[-1].ids.height
        while ids - kept[0].ids.height >= span:
            ids -= kept.popleft().ids.height
            whole = False
    return list(kept), whole
