"""Changelog topics, made before the worker joins its group.

Faust makes them as it starts. The first assignment may then be computed from metadata that lacks the last ones: it
leaves their tables out without an error, and the worker ends at the first record for one of them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import timedelta

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.cimpl import NewTopic

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 30.0
_DAY_MS = 86_400_000
#: What a snapshot replaces may hold people: without a bound it would stay for as long as nobody writes more.
_CONFIG = {"cleanup.policy": "compact", "segment.ms": str(_DAY_MS), "max.compaction.lag.ms": str(6 * _DAY_MS)}
COMPACTED_WITHIN = timedelta(days=7)
"""After so long a changelog holds nothing of what a later snapshot replaced."""
_PAUSE_SECONDS = 0.1


def ensure_changelogs(brokers: str, partitions: Mapping[str, int], replication_factor: int) -> None:
    """Make the topics that aren't there, by name and partition count, and wait until the brokers tell of all of them.

    Those that are there, of an earlier release, get the limits of new ones. Raises KafkaException; a topic that stays
    unknown is left to Faust.
    """
    admin = AdminClient({"bootstrap.servers": brokers})
    known = admin.list_topics(timeout=PATIENCE_SECONDS).topics
    try:
        _limit(admin, [name for name in partitions if name in known])
    except KafkaException as error:  # on a Kafka of one's own that may be somebody else's to decide
        log.warning("changelogs keep their limits, as they can't be altered: %s", error.args[0].str())
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


def _limit(admin: AdminClient, names: list[str]) -> None:
    """Bring topics up to `_CONFIG` where they differ from it: others may have set more, which stays."""
    if not names:
        return
    asked = admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, name) for name in names])
    wanted = []
    for resource, future in asked.items():
        found = future.result(PATIENCE_SECONDS)
        differs = {name: value for name, value in _CONFIG.items() if name in found and found[name].value != value}
        if differs:
            entries = [
                ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in differs.items()
            ]
            wanted.append(ConfigResource(resource.restype, resource.name, incremental_configs=entries))
    for done in (admin.incremental_alter_configs(wanted) if wanted else {}).values():
        done.result(PATIENCE_SECONDS)
