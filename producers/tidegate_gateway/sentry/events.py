"""Sentry's error events as ours: `tidegate.foreign.sentry` reads them, and here is what their arrival adds. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from tidegate.foreign.sentry.events import common_fields, error_fields
from tidegate.foreign.values import text
from tidegate_gateway.errors import RefusedError
from tidegate_gateway.intake import Event
from tidegate_gateway.object_text import array_text, object_text
from tidegate_gateway.sentry.arrival import Arrival
from tidegate_schemas.canonical import canonical_json
from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.reasons import Reason

_HEX = frozenset("0123456789abcdef")


def error_event(event: Mapping[str, Any], arrival: Arrival) -> Event:
    """An error event. Raises RefusedError."""
    fields = error_fields(event, arrival.header, arrival.attachments)
    return {
        **fields,
        "event_id": derived_event_id("sentry", arrival.project, sentry_id(event, arrival)),
        "occurred_at": arrival.corrected(event.get("timestamp"), "timestamp"),
        "stack": array_text(fields["stack"]),
        "breadcrumbs": array_text(fields["breadcrumbs"]),
        "properties": object_text(fields["properties"]),
    }


def sentry_id(event: Mapping[str, Any], arrival: Arrival) -> str:
    """32 hexadecimal digits: the event's id, else its envelope's, else of its content. Raises RefusedError."""
    said = text(event, "event_id") or text(arrival.header, "event_id")
    if not said:
        return hashlib.sha256(canonical_json(event).encode()).hexdigest()[:32]
    found = said.replace("-", "").lower()
    if len(found) != 32 or not _HEX.issuperset(found):
        raise RefusedError(Reason.INVALID_FIELD, "event_id", "must be a UUID of 32 hexadecimal digits")
    return found


def common(event: Mapping[str, Any], arrival: Arrival) -> Event:
    """What error events and transactions share. Raises RefusedError."""
    occurred_at = arrival.corrected(event.get("timestamp"), "timestamp")
    return {**common_fields(event, arrival.header), "occurred_at": occurred_at}
