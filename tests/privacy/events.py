"""Events with one canary each, in turn in every text field of a kind: what edges seal, and only the gate opens."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from tidegate_schemas.identity import new_event_id
from tidegate_schemas.subjects import raw_schema
from tidegate_schemas.topics import Kind

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
#: Fields whose value is one of a closed set or a number: what is no such value is refused whole.
CLOSED = {"consent", "type", "level", "operation", "status", "instrument", "temporality", "exemplars"}
IDS = {"user_id", "anonymous_id", "session_id", "previous_id"}


def canary(rng: random.Random) -> str:
    """Something personal that is unique: an address, a phone number, a card, an IPv4 address or a token."""
    number = rng.randrange(10**8, 10**9)
    return rng.choice(
        [
            f"kestrel{number}@example.org",
            f"+49 170 {number}",
            f"Bearer kestrel{number}abcdefghij",
            f"https://user:kestrel{number}@example.org/x",
        ]
    )


def needle(text: str) -> bytes:
    """The part of a canary that must not be found again."""
    digits = "".join(char for char in text if char.isdigit())[-9:]
    return digits.encode()


def events(kind: Kind, rng: random.Random) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Valid events, each with one canary in one text field, in turn in every field that can hold one."""
    schema = raw_schema(kind)
    for item in schema.fields:
        if item.value_type != "string" or item.name in CLOSED:
            continue
        text = f"{rng.randrange(10**8, 10**9)}" if item.name in IDS else canary(rng)
        value = text
        if item.name in {"properties", "traits", "attributes"}:
            value = f'{{"note":"call {text} now","{text}":1}}'
        elif item.name in {"stack", "breadcrumbs"}:
            value = f'[{{"context_line":"mail = {text}"}}]'
        elif item.name not in IDS | {"ip"}:
            value = f"see {text} there"
        yield {**valid(kind), item.name: value}, needle(text)


def valid(kind: Kind) -> dict[str, Any]:
    """An event that passes, without anything personal."""
    event: dict[str, Any] = {
        "event_id": new_event_id(),
        "producer_id": "a" * 32,
        "project": "default",
        "name": "x",
        "occurred_at": NOW,
        "received_at": NOW,
    }
    own: dict[Kind, dict[str, Any]] = {
        "track": {},
        "error": {},
        "span": {"operation": "request", "duration_seconds": 0.1},
        "metric": {"instrument": "gauge", "started_at": NOW},
        "log": {},
        "health": {"report": "feedback"},
    }
    return event | own[kind]
