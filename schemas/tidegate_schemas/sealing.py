"""What the content of a sealed record is bound to: it opens beside its own account only."""

from collections.abc import Mapping
from typing import Any, Final

from tidegate_schemas.bounds import micros
from tidegate_schemas.topics import Kind

__all__ = ["DATA_KEY_BYTES", "NONCE_BYTES", "account_of", "binding"]

DATA_KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12


def account_of(event: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an event that its sealed record has in the clear; `received_at` in µs since the epoch."""
    return {
        "event_id": event["event_id"],
        "producer_id": event["producer_id"],
        "sequence": event.get("sequence", 0),
        "project": event["project"],
        "received_at": micros(event["received_at"]),
    }


def binding(kind: Kind, account: Mapping[str, Any]) -> bytes:
    """The associated data of the content, of what `account_of` gives: no two accounts have the same."""
    event_id, project = account["event_id"], account["project"]
    head = f"{kind}/{account['sequence']}/{account['received_at']}/{len(event_id)}/{len(project)}/"
    return f"{head}{event_id}{project}{account['producer_id']}".encode()
