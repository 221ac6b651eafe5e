"""What the worker has not committed yet, read from Kafka as anyone may: without joining its group."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from confluent_kafka import KafkaException

from tidegate_schemas.topics import (
    CONSENTS,
    DEAD_LETTERS,
    KINDS,
    OUTCOMES,
    clean_topic,
    generation_of,
    of_generation,
    raw_topic,
)
from tidegate_stream.errors import CommitsUnknownError
from tidegate_stream.log import Log, Marks, Place
from tidegate_stream.settings import WorkerSettings

Extents = Mapping[Place, tuple[int, int]]
"""Where partitions begin, and one past their last offset."""
GROUP = WorkerSettings.app_id
#: While people watch and brokers are killed, no answer is a reason to ask again, not to wait.
LIVE_SECONDS = 4.0


def topics_read(generation: int = 1) -> list[str]:
    """The topics of one generation that a worker reads."""
    ledger = [of_generation(name, generation) for name in (DEAD_LETTERS, OUTCOMES)]
    return [*(topic(kind, generation) for topic in (raw_topic, clean_topic) for kind in KINDS), *ledger]


def every_topic_read(known: Iterable[str]) -> list[str]:
    """Those of a broker's topics that workers read, of any generation."""
    topics = set(known)
    generations = sorted({generation_of(topic) for topic in topics})
    read = [topic for generation in generations for topic in topics_read(generation)]
    return [topic for topic in (*read, CONSENTS) if topic in topics]


def earlier_topics(brokers: str, generation: int) -> Mapping[str, int]:
    """Topics of earlier generations that workers read and that are there, with their partition counts."""
    with Log(brokers) as log:
        counts = log.partitions()
    return {topic: counts[topic] for topic in every_topic_read(counts) if generation_of(topic) < generation}


def in_flight(brokers: str, group: str = GROUP) -> int:
    """Records that no worker has committed: raw ones, and those between the gate and the tables.

    Of all generations of topics, those of open transactions, too. Records, where offsets would also count transaction
    markers: all are read.
    Raises KafkaException without a broker.
    """
    with Log(brokers, group) as log:
        places = log.places(every_topic_read(log.partitions()))
        extents = log.extents(places)
        ends = _ends(extents)
        waiting = sum(1 for _ in log.records(_begins(log, extents), ends))
    return waiting + _hidden(brokers, ends)


def _hidden(brokers: str, ends: Marks) -> int:
    """Records behind the ends that careful readers are told: of open transactions, and of others that those hide.

    What a killed gate left open hides for a minute what gates of other kinds have committed to the topics of all kinds.
    """
    with Log(brokers, uncommitted=True) as whole:
        return sum(1 for _ in whole.records(ends, _ends(whole.extents(ends))))


def holds_any(brokers: str, marks: Marks, group: str = GROUP) -> bool:
    """Whether a record below the marks isn't committed. Raises KafkaException without a broker."""
    with Log(brokers, group, LIVE_SECONDS) as log:
        begins = _begins(log, log.extents(marks))
        return any(
            (message.offset() or 0) < marks[message.topic() or "", message.partition() or 0]
            for message in log.records(begins, {place: marks[place] for place in begins})
        )


def lag_offsets(brokers: str, timeout_seconds: float, group: str = GROUP) -> Mapping[str, int]:
    """Offsets of each raw and clean topic above the commits: quick to tell, but transaction markers count, too."""
    with Log(brokers, group, timeout_seconds) as log:
        places = log.places(every_topic_read(log.partitions()))
        extents, committed = log.extents(places), log.committed(places)
    lag = dict.fromkeys((topic for topic, _ in places), 0)
    for place, (low, high) in extents.items():
        lag[place[0]] += high - max(low, committed.get(place, 0))
    return lag


def committed_offsets(brokers: str, group: str, places: Iterable[Place]) -> Marks:
    """Below these, archive and folds hold everything; a partition without one is left out.

    Raises CommitsUnknownError.
    """
    with Log(brokers, group) as log:
        try:
            return log.committed(places)
        except KafkaException as error:
            raise CommitsUnknownError(brokers, str(error)) from error


def ends(brokers: str, topics: Iterable[str]) -> Marks:
    """Where topics end now. Raises KafkaException without a broker."""
    with Log(brokers, timeout_seconds=LIVE_SECONDS) as log:
        return _ends(log.extents(log.places(topics)))


def _ends(extents: Extents) -> Marks:
    return {place: high for place, (_, high) in extents.items()}


def _begins(log: Log, extents: Extents) -> Marks:
    """Where the group goes on in those partitions that have something above its commits."""
    committed = log.committed(extents)
    begins = {place: max(low, committed.get(place, 0)) for place, (low, _) in extents.items()}
    return {place: begin for place, begin in begins.items() if begin < extents[place][1]}
