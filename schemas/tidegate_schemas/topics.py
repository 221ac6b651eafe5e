"""Names of Kafka topics, and the key that decides a record's partition."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

from tidegate_schemas.errors import SchemaError
from tidegate_schemas.identity import derived_event_id

__all__ = [
    "DEAD_LETTERS",
    "GATE_PROGRESS",
    "KINDS",
    "OUTCOMES",
    "SERIES",
    "Kind",
    "clean_topic",
    "ids_topic",
    "is_kind",
    "kind_of",
    "partition_key",
    "raw_topic",
]

Kind = Literal["track", "error", "span", "metric"]
KINDS: tuple[Kind, ...] = get_args(Kind)

DEAD_LETTERS = "dead-letters"
OUTCOMES = "outcomes"
GATE_PROGRESS = "gate-progress"


def raw_topic(kind: Kind) -> str:
    """Name the topic that producers write events of a kind to; only the gate reads it."""
    return f"raw.{kind}"


def clean_topic(kind: Kind) -> str:
    """Name the topic that holds a kind's events free of personal data."""
    return f"clean.{kind}"


def ids_topic(kind: Kind) -> str:
    """Name the topic that holds the ids of a kind's events that passed the gate, for its de-duplication."""
    return f"gate-ids.{kind}"


def is_kind(text: str) -> bool:
    """Whether a text names one of the four kinds."""
    return text in KINDS


def kind_of(topic: str) -> Kind:
    """Read the kind from a raw or clean topic's name; SchemaError for any other topic."""
    stage, _, name = topic.partition(".")
    for kind in KINDS:
        if stage in {"raw", "clean"} and name == kind:
            return kind
    allowed = ", ".join([raw_topic(kind) for kind in KINDS] + [clean_topic(kind) for kind in KINDS])
    raise SchemaError(f"topic {topic!r} holds no event kind; topics that do: {allowed}")


SERIES = ("project", "environment", "service", "name", "unit", "attributes", "instance_id")
"""What tells the points of one metric and process from those of another."""


def partition_key(kind: Kind, event: Mapping[str, Any]) -> bytes:
    """Choose the Kafka key of a raw event: the device, else the user, else the event itself; empty counts as absent.

    Points of a metric go by their series instead: a total that only grows counts by its growth since the point before
    it, so one partition has to see them all.
    """
    if kind == "metric":
        return derived_event_id("series", *(event.get(name) or "" for name in SERIES)).encode()
    key: str = event.get("anonymous_id") or event.get("user_id") or event["event_id"]
    return key.encode("utf-8", "replace")
