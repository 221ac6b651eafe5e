"""Names of Kafka topics, and the key that decides a record's partition.

Another partition count is another generation of topics, as keys would go to other partitions: `raw.track.g2`. Names
of the first generation have no suffix.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal, get_args

from tidegate_schemas.errors import SchemaError
from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.networks import truncated_ip

__all__ = [
    "CONSENTS",
    "DEAD_LETTERS",
    "ERASURES",
    "GATE_PROGRESS",
    "KINDS",
    "OUTCOMES",
    "SERIES",
    "Kind",
    "clean_topic",
    "generation_of",
    "ids_topic",
    "kind_of",
    "of_generation",
    "partition_key",
    "raw_topic",
]

Kind = Literal["track", "error", "span", "metric", "log", "health"]
KINDS: tuple[Kind, ...] = get_args(Kind)

DEAD_LETTERS = "dead-letters"
OUTCOMES = "outcomes"
GATE_PROGRESS = "gate-progress"
CONSENTS = "consents"
ERASURES = "erasures"
"""As `CONSENTS`: about people, so one topic with one partition for all generations."""
_SUFFIX = re.compile(r"\.g([2-9]|[1-9]\d+)$")


def of_generation(name: str, generation: int) -> str:
    """What a topic or a consumer group of the first generation is called in another one."""
    return name if generation == 1 else f"{name}.g{generation}"


def generation_of(topic: str) -> int:
    """The generation that a topic's name tells."""
    suffix = _SUFFIX.search(topic)
    return int(suffix[1]) if suffix else 1


def raw_topic(kind: Kind, generation: int = 1) -> str:
    """Name the topic that producers write events of a kind to; only the gate reads it."""
    return of_generation(f"raw.{kind}", generation)


def clean_topic(kind: Kind, generation: int = 1) -> str:
    """Name the topic that holds a kind's events free of personal data."""
    return of_generation(f"clean.{kind}", generation)


def ids_topic(kind: Kind, generation: int = 1) -> str:
    """Name the topic that holds the ids of a kind's events that passed the gate, for its de-duplication."""
    return of_generation(f"gate-ids.{kind}", generation)


def kind_of(topic: str) -> Kind:
    """Read the kind from the name of a raw, clean or ids topic; SchemaError for any other topic."""
    stage, _, name = _SUFFIX.sub("", topic).partition(".")
    for kind in KINDS:
        if stage in {"raw", "clean", "gate-ids"} and name == kind:
            return kind
    allowed = ", ".join([raw_topic(kind) for kind in KINDS] + [clean_topic(kind) for kind in KINDS])
    raise SchemaError(f"topic {topic!r} holds no event kind; topics that do: {allowed}")


SERIES = ("project", "environment", "service", "name", "unit", "attributes", "instance_id")
"""What tells the points of one metric and process from those of another."""


def partition_key(kind: Kind, event: Mapping[str, Any]) -> bytes:
    """Choose the Kafka key of a raw event: the device, else the user, else the event itself; empty counts as absent.

    Events without consent go by their network, so that one partition sees the whole of a visitor who is told by it.

    Points of a metric go by their series instead: a total that only grows counts by its growth since the point before
    it, so one partition has to see them all.
    """
    if kind == "metric":
        return derived_event_id("series", *(event.get(name) or "" for name in SERIES)).encode()
    key: str | None = event.get("anonymous_id") or event.get("user_id")
    if not key and event.get("consent") == "anonymous" and (network := truncated_ip(event.get("ip") or "")):
        key = derived_event_id("network", network)
    key = key or str(event["event_id"])
    return key.encode("utf-8", "replace")
