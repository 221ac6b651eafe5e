"""Names of Kafka topics, and the key that decides a record's partition."""

from typing import Literal, get_args

from tidegate_schemas.errors import SchemaError

__all__ = [
    "DEAD_LETTERS",
    "GATE_PROGRESS",
    "KINDS",
    "OUTCOMES",
    "Kind",
    "clean_topic",
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


def partition_key(anonymous_id: str | None, user_id: str | None, event_id: str) -> bytes:
    """Choose the Kafka key of an event: the device, else the user, else the event itself; empty counts as absent."""
    return (anonymous_id or user_id or event_id).encode("utf-8", "replace")
