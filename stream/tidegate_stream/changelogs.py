"""Changelog topics, made before the worker joins its group.

Faust makes them as it starts. The first assignment may then be computed from metadata that lacks the last ones: it
leaves their tables out without an error, and the worker ends at the first record for one of them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

PATIENCE_SECONDS = 30.0
_DAY_MS = 86_400_000
#: What a snapshot replaces may hold people: without a bound it would stay for as long as nobody writes more.
_CONFIG = {"cleanup.policy": "compact", "segment.ms": str(_DAY_MS), "max.compaction.lag.ms": str(6 * _DAY_MS)}
COMPACTED_WITHIN = timedelta(days=7)
"""After so long a changelog holds nothing of what a later snapshot replaced."""
_PAUSE_SECONDS = 0.1


def ensure_changelogs(brokers: str, partitions: Mapping[str, int], replication_factor: int) -> None:
    """Make the topics that aren't there, by name and partition count, and wait until the brokers tell of all of them.

    Raises KafkaException; a topic that stays unknown is left to Faust.
    """
    admin = AdminClient({"bootstrap.servers": brokers})
    known = admin.list_topics(timeout=PATIENCE_SECONDS).topics
    missing = [
        NewTopic(name, count, replication_factor, config=_CONFIG)
        for name, count in partitions.items()
        if name not in known
    ]
    for future in (admin.create_topics(missing) if missing else {}).values():
        try:
            future.result(PATIENCE_SECONDS)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not partitions.keys() <= admin.list_topics(timeout=PATIENCE_SECONDS).topics.keys():
        if time.monotonic() > deadline:
            return
        time.sleep(_PAUSE_SECONDS)
