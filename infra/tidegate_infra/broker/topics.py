"""Tidegate's topics: which there are, how they are configured, and how they come to be."""

import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.cimpl import NewTopic

from tidegate_infra.broker.properties import MESSAGE_MAX_BYTES
from tidegate_infra.broker.replicas import admin_client, wait_for_leaders
from tidegate_infra.errors import BrokerError, UnavailableError
from tidegate_schemas.topics import (
    CONSENTS,
    DEAD_LETTERS,
    ERASURES,
    GATE_PROGRESS,
    KINDS,
    OUTCOMES,
    clean_topic,
    ids_topic,
    of_generation,
    raw_topic,
)

__all__ = [
    "Topic",
    "create_topics",
    "partition_counts",
    "tidegate_topics",
    "wait_for_broker",
]

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
_PROOF_MS = 1826 * _DAY_MS
"""Five years, as the tables of consents and of receipts."""
_REQUEST_SECONDS = 20.0
#: By size alone: a million ids are 24 MB, and what a chunk and its transaction cost besides.
_IDS = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "134217728",
    "segment.bytes": "8388608",
    "max.message.bytes": str(MESSAGE_MAX_BYTES),
}
_AS_THE_BROKER_SAYS = -1


@dataclass(frozen=True)
class Topic:
    """A topic's name, partition count and configuration."""

    name: str
    partitions: int = 2
    config: Mapping[str, str] = field(default_factory=dict)


def tidegate_topics(partitions: int, raw_hours: int = 12, clean_days: int = 7, *, generation: int = 1) -> list[Topic]:
    """Every topic of the event's way; all have the same partition count, so that p stays p.

    Those about people rather than events have one partition, and are of all generations: each gate reads them wholly.
    """
    raw = _expiring(raw_hours * _HOUR_MS)
    clean = _expiring(clean_days * _DAY_MS)
    compacted = {"cleanup.policy": "compact", "segment.ms": str(_HOUR_MS), "segment.bytes": "8388608"}
    people = {**compacted, "cleanup.policy": "compact,delete", "retention.ms": str(_PROOF_MS)}
    return [
        *(Topic(raw_topic(kind, generation), partitions, raw) for kind in KINDS),
        *(Topic(clean_topic(kind, generation), partitions, clean) for kind in KINDS),
        Topic(of_generation(DEAD_LETTERS, generation), partitions, clean),
        Topic(of_generation(OUTCOMES, generation), partitions, clean),
        Topic(of_generation(GATE_PROGRESS, generation), partitions, compacted),
        *(Topic(ids_topic(kind, generation), partitions, _IDS) for kind in KINDS),
        *(Topic(name, 1, people) for name in (CONSENTS, ERASURES)),
    ]


def _expiring(retention_ms: int) -> dict[str, str]:
    # Whole segments expire: without a short segment.ms a quiet topic would keep raw events long after their time.
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(retention_ms),
        "segment.ms": str(min(_DAY_MS, max(_HOUR_MS, retention_ms // 24))),
        "max.message.bytes": str(MESSAGE_MAX_BYTES),
    }


def wait_for_broker(bootstrap: str, timeout_seconds: float, nodes: int = 1) -> None:
    """Block until a broker knows of so many nodes, itself among them; UnavailableError after `timeout_seconds`."""
    until = time.monotonic() + timeout_seconds
    _wait_for_port(bootstrap, until, timeout_seconds)
    admin = admin_client(bootstrap)
    while True:
        try:
            found = len(admin.list_topics(timeout=max(0.1, until - time.monotonic())).brokers)
        except KafkaException as error:
            if time.monotonic() >= until:
                raise UnavailableError(f"no broker answers at {bootstrap} after {timeout_seconds:g} s") from error
            continue
        if found >= nodes:
            return
        if time.monotonic() >= until:
            raise UnavailableError(f"{found} of {nodes} nodes are at {bootstrap} after {timeout_seconds:g} s")
        time.sleep(0.05)


def create_topics(
    bootstrap: str,
    topics: Iterable[Topic],
    replication_factor: int = _AS_THE_BROKER_SAYS,
    timeout_seconds: float = _REQUEST_SECONDS,
) -> list[str]:
    """Create the topics that don't exist and return their names; safe to repeat and to run several times at once.

    Without a replication factor they get the broker's own. BrokerError says why one can't be made.
    """
    admin = admin_client(bootstrap)
    wanted = {topic.name: topic for topic in topics}
    missing = [topic for name, topic in wanted.items() if name not in admin.list_topics(timeout=timeout_seconds).topics]
    if not missing:
        return []
    new = [NewTopic(topic.name, topic.partitions, replication_factor, config=dict(topic.config)) for topic in missing]
    created = []
    for name, future in admin.create_topics(new, request_timeout=timeout_seconds).items():
        try:
            future.result(timeout_seconds)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise BrokerError(f"cannot create topic {name} at {bootstrap}: {error.args[0].str()}") from error
        else:
            created.append(name)
    wait_for_leaders(admin, [topic.name for topic in missing], timeout_seconds)
    return created


def partition_counts(bootstrap: str, timeout_seconds: float = _REQUEST_SECONDS) -> dict[str, int]:
    """Partition count of every topic that the broker has."""
    metadata = admin_client(bootstrap).list_topics(timeout=timeout_seconds)
    return {name: len(topic.partitions) for name, topic in metadata.topics.items()}


def _wait_for_port(bootstrap: str, until: float, timeout_seconds: float) -> None:
    """Poll the first address by TCP: far quicker to notice a start than librdkafka's reconnects."""
    host, _, port = bootstrap.split(",", maxsplit=1)[0].strip().rpartition(":")
    while True:
        try:
            socket.create_connection((host, int(port)), 0.5).close()
        except OSError as error:
            if time.monotonic() >= until:
                raise UnavailableError(f"nothing listens at {bootstrap} after {timeout_seconds:g} s") from error
            time.sleep(0.05)
        else:
            return
