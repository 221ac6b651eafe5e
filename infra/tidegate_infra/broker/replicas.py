"""Whether every partition has its leader and all its copies."""

import time

from tidegate_infra.broker.topics import admin_client
from tidegate_infra.errors import BrokerError

__all__ = ["replicas_behind", "wait_in_sync"]

_REQUEST_SECONDS = 20.0
_PAUSE_SECONDS = 0.1


def replicas_behind(bootstrap: str, timeout_seconds: float = _REQUEST_SECONDS) -> list[str]:
    """Partitions, as `topic/number`, that have a copy which isn't in sync or have no leader; empty if all is well."""
    topics = admin_client(bootstrap).list_topics(timeout=timeout_seconds).topics
    return [
        f"{name}/{number}"
        for name, topic in sorted(topics.items())
        for number, partition in topic.partitions.items()
        if partition.leader < 0 or len(partition.isrs) < len(partition.replicas)
    ]


def wait_in_sync(bootstrap: str, seconds: float) -> None:
    """Block until every partition has a leader and all its copies in sync; BrokerError names those that don't."""
    until = time.monotonic() + seconds
    while behind := replicas_behind(bootstrap):
        if time.monotonic() > until:
            raise BrokerError(f"not in sync after {seconds:.0f} s: {', '.join(behind)}. Fix: see the nodes' logs.")
        time.sleep(_PAUSE_SECONDS)
