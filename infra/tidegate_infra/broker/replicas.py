"""Whether every partition has its leader and all its copies."""

import time
from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]  # public, but not exported

from tidegate_infra.errors import BrokerError, UnavailableError

__all__ = ["admin_client", "replicas_behind", "wait_for_leaders", "wait_in_sync"]

_REQUEST_SECONDS = 20.0
_PAUSE_SECONDS = 0.1
_SHORT_PAUSE_SECONDS = 0.02
_NOT_YET = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._TIMED_OUT,
    }
)


def admin_client(bootstrap: str) -> AdminClient:
    """A client for administration. It prints no refused connection, as librdkafka does: who waits says so better."""
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": 0, "reconnect.backoff.max.ms": 250})


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


def wait_for_leaders(admin: AdminClient, names: Sequence[str], timeout_seconds: float) -> None:
    """Block until every partition of the topics has a leader that knows it is one; UnavailableError names them."""
    until = time.monotonic() + timeout_seconds
    while time.monotonic() < until:
        known = admin.list_topics(timeout=timeout_seconds).topics
        if all(name in known and all(p.leader >= 0 for p in known[name].partitions.values()) for name in names):
            places = [TopicPartition(name, number) for name in names for number in known[name].partitions]
            if _all_lead(admin, places, timeout_seconds):
                return
        time.sleep(_SHORT_PAUSE_SECONDS)
    raise UnavailableError(f"topics without a leader after {timeout_seconds:g} s: {', '.join(names)}")


def _all_lead(admin: AdminClient, places: list[TopicPartition], timeout_seconds: float) -> bool:
    """Whether each leader answers as one: a broker is named before it knows that it leads."""
    end = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # confluent-kafka types all of this but that
    asked = admin.list_offsets(dict.fromkeys(places, end), request_timeout=timeout_seconds)
    try:
        for answer in asked.values():
            answer.result(timeout_seconds)
    except KafkaException as error:
        if error.args[0].code() not in _NOT_YET:
            raise BrokerError(f"topics were made, but can't be read: {error.args[0].str()}") from error
        return False
    return True
