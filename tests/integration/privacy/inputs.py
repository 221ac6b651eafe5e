"""Two people's day: one of them has everything erased, in every kind of event and every field that may hold them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.topics import KINDS, Kind

USER, DEVICES = "canary-user-4711", ("canary-device-a", "canary-device-b")
TRACE, OTHER_TRACE = "ca" * 16, "0e" * 16
CANARY = "canarytext"
"""In every free text of the person's events: what isn't an id must go with them too."""
#: Long enough ago that most windows are closed, and on this side of midnight or not, as it comes.
BEGIN = datetime.now(UTC) - timedelta(hours=6)


def day(device: str, user: str | None, name: str, text: str, number: int = 24) -> Iterator[tuple[Kind, dict[str, Any]]]:
    """Some events of each kind, ten minutes apart."""
    for index in range(number):
        at = BEGIN + timedelta(minutes=10 * index)
        kind: Kind = KINDS[index // 2 % len(KINDS)] if index % 2 else "track"
        common = {
            "event_id": derived_event_id(name, str(index)),
            "producer_id": f"sdk:{name}",
            "sequence": index + 1,
            "project": "default",
            "environment": "production",
            "release": "1.0",
            "service": "shop",
            "name": f"step_{index % 3}",
            "occurred_at": at,
            "received_at": at,
            "anonymous_id": device,
            "user_id": user if index > 3 or not device else None,
            "session_id": f"session-of-{device}",
            "url": f"https://example.org/{text}",
            "properties": json.dumps({"note": text}),
        }
        yield kind, {key: value for key, value in {**common, **_own(kind, text)}.items() if value is not None}


def _own(kind: Kind, text: str) -> dict[str, Any]:
    match kind:
        case "track":
            return {"feature": "search"}
        case "error":
            return {"message": text, "level": "error", "route": "/a", "stack": json.dumps([{"function": text}])}
        case "span":
            request = {"operation": "request", "route": "/a", "method": "GET", "status_code": 200}
            return {**request, "duration_seconds": 0.1, "trace_id": TRACE if text == CANARY else OTHER_TRACE}
        case "metric":
            return {"instrument": "gauge", "unit": "1", "value": 2.0}
        case "log":
            return {"body": text, "level": "info"}
        case "health":
            return {"report": "session", "init": True, "state": "ok"}


def subject(name: str = "subject") -> list[tuple[Kind, dict[str, Any]]]:
    """The person on two devices, and a server that knows the user only."""
    first, second = DEVICES
    server = [
        (kind, {**event, "anonymous_id": None, "session_id": None})
        for kind, event in day("", USER, f"{name}-s", CANARY)
    ]
    without = [(kind, {key: value for key, value in event.items() if value is not None}) for kind, event in server]
    return [*day(first, USER, f"{name}-a", CANARY), *day(second, USER, f"{name}-b", CANARY), *without]


def others() -> list[tuple[Kind, dict[str, Any]]]:
    """Somebody else, and nobody that is known."""
    return [*day("other-device", "other-user", "other", "othertext"), *day("unknown-device", None, "nobody", "text")]


def later(name: str = "later") -> list[tuple[Kind, dict[str, Any]]]:
    """The person comes back, now."""
    now = datetime.now(UTC)
    return [
        (kind, {**event, "occurred_at": now, "received_at": now})
        for kind, event in day(DEVICES[0], USER, name, "after", 4)
    ]


def poisoned() -> tuple[Kind, dict[str, Any]]:
    """An event of the person that the gate dead-letters. What is shown of it names nobody, so it stays for its time."""
    kind, event = next(day(DEVICES[0], USER, "poisoned", "lettertext", 1))
    return kind, {**event, "user_id": USER, "consent": "perhaps"}
