"""What Kafka says of its topics: how long they keep records, and how old the oldest is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from confluent_kafka import KafkaException

from tidegate_infra.broker.retention import configs_of
from tidegate_infra.errors import UnavailableError
from tidegate_infra.privacy.retention.policy import in_words
from tidegate_stream.log import Log

__all__ = ["FoundTopic", "found_topics"]

_DAY_MS = 86_400_000


@dataclass(frozen=True)
class FoundTopic:
    """A topic. `days`: for how long it keeps records; None: not by time."""

    name: str
    configured: str
    days: float | None
    records: int
    oldest: datetime | None


def found_topics(brokers: str) -> Iterator[FoundTopic]:
    """Every topic of a broker. Raises UnavailableError where it doesn't answer."""
    try:
        with Log(brokers, uncommitted=True) as log:
            partitions = log.partitions()
            extents = log.extents((name, number) for name, count in partitions.items() for number in range(count))
            oldest = _oldest(log, {place: low for place, (low, high) in extents.items() if low < high})
        configs = configs_of(brokers, sorted(partitions))
    except KafkaException as error:
        raise UnavailableError(f"no answer from Kafka at {brokers}: {error.args[0].str()}") from error
    for name, config in configs.items():
        policy, kept = config["cleanup.policy"], int(config["retention.ms"])
        timed = "delete" in policy and kept >= 0
        configured = f"{policy}, {in_words(kept / _DAY_MS)}" if timed else f"{policy}, not by time"
        records = sum(high - low for (topic, _), (low, high) in extents.items() if topic == name)
        yield FoundTopic(name, configured, kept / _DAY_MS if timed else None, records, oldest.get(name))


def _oldest(log: Log, begins: Mapping[tuple[str, int], int]) -> dict[str, datetime]:
    """The earliest time of the first records of each topic's partitions."""
    found: dict[str, datetime] = {}
    seen: set[tuple[str, int]] = set()
    for message in log.records(begins, {place: begin + 1 for place, begin in begins.items()}):
        name, (_, milliseconds) = message.topic() or "", message.timestamp()
        place = (name, message.partition() or 0)
        if place not in seen and milliseconds > 0:
            seen.add(place)
            at = datetime.fromtimestamp(milliseconds / 1000, UTC)
            found[name] = min(at, found.get(name, at))
    return found
