"""What a generation of topics knows of the events of the others, so that copies of them are found, too.

Another generation had other partitions: an id may have been in any of them. Ids of earlier generations get negative
offsets, in the order of time, so that they lie before everything of the partition, and `Seen` forgets them by the same
rule: of all earlier partitions together the last `span` ids are remembered. There are later generations only while
records are drained that were written late; their ids count as just seen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import polars as pl
from confluent_kafka import Consumer, TopicPartition

from tidegate_schemas.topics import generation_of, ids_topic, kind_of
from tidegate_stream.gate.seen import Learnt
from tidegate_stream.gate.transaction import each_message

_TIMEOUT_SECONDS = 30.0


def among_generations(brokers: str, topic: str, own: Sequence[Learnt], span: int) -> tuple[list[Learnt], bool]:
    """What a partition of an ids topic holds, with the ids of the other generations, in the order to learn them.

    And whether these are all that there ever were.
    """
    end = int(own[-1].ids["offset"][-1]) + 1 if own else 0
    others = _others(brokers, topic)
    before = [place for place in others if generation_of(place.topic) < generation_of(topic)]
    after = [place for place in others if place not in before]
    # Those before are out of reach once the partition has gone as far as copies are found.
    earlier, whole = _ids(brokers, before, span) if end <= span else ([], not before)
    later, whole_later = _ids(brokers, after, span)
    return [*numbered(earlier, 0), *own, *numbered(later, end)], whole and whole_later


def numbered(learnt: Iterable[Learnt], end: int) -> Iterator[Learnt]:
    """The same ids in the order of time, the last one at the offset before `end`."""
    known = sorted(learnt, key=lambda each: each.since_ms)
    offset = end - sum(each.ids.height for each in known)
    for each in known:
        numbers = pl.int_range(offset, offset + each.ids.height, dtype=pl.Int64, eager=True)
        yield Learnt(each.ids.with_columns(numbers.alias("offset")), each.since_ms)
        offset += each.ids.height


def _others(brokers: str, topic: str) -> list[TopicPartition]:
    """Partitions of the other generations' topics of a kind that are there."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "tidegate-gate-reader"})
    try:
        known = consumer.list_topics(timeout=_TIMEOUT_SECONDS).topics
    finally:
        consumer.close()
    kind = kind_of(topic)
    names = [name for name in sorted(known) if name == ids_topic(kind, generation_of(name)) and name != topic]
    return [TopicPartition(name, number) for name in names for number in known[name].partitions]


def _ids(brokers: str, places: Iterable[TopicPartition], span: int) -> tuple[list[Learnt], bool]:
    found = [_newest(brokers, place, span) for place in places]
    return [each for learnt, _ in found for each in learnt], all(whole for _, whole in found)


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
