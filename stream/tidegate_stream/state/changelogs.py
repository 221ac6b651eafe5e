"""Changelogs are there, and known to the broker, before the worker joins its group.

Faust makes its tables' changelogs as well, one after the other, and joins at once. A group's leader that doesn't know a
topic yet assigns its partitions to nobody; a worker with many tables was given records of a partition without the state
that belongs to it, and ended.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tidegate_stream.errors import ChangelogsError

READY_SECONDS = 60.0
_PAUSE_SECONDS = 0.05


@dataclass(frozen=True)
class Changelog:
    """A topic with its partition count, and what is configured beside compaction."""

    name: str
    partitions: int
    config: Mapping[str, str]


def ensure(
    brokers: str, changelogs: Iterable[Changelog], replication_factor: int, timeout_seconds: float = READY_SECONDS
) -> None:
    """Make those that don't exist, and wait until each partition has a leader. Safe to run several times at once.

    Raises ChangelogsError.
    """
    wanted = list(changelogs)
    admin, until = AdminClient({"bootstrap.servers": brokers, "log_level": 2}), time.monotonic() + timeout_seconds
    new = [
        NewTopic(each.name, each.partitions, replication_factor, config={"cleanup.policy": "compact", **each.config})
        for each in wanted
    ]
    try:
        for made in admin.create_topics(new).values() if new else ():
            _settle(made)
        while missing := _unknown(admin.list_topics(timeout=timeout_seconds).topics, wanted):
            if time.monotonic() > until:
                raise ChangelogsError(brokers, missing, f"not known after {timeout_seconds:g} s")
            time.sleep(_PAUSE_SECONDS)
    except KafkaException as error:
        raise ChangelogsError(brokers, [each.name for each in wanted], error.args[0].str()) from error


def _settle(made: Future[None]) -> None:
    try:
        made.result()
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise


def _unknown(known: Mapping[str, Any], wanted: Iterable[Changelog]) -> list[str]:
    return [each.name for each in wanted if not _led(known.get(each.name))]


def _led(topic: Any) -> bool:
    return topic is not None and bool(topic.partitions) and all(p.leader >= 0 for p in topic.partitions.values())
