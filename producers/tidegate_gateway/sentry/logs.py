"""Sentry's containers of log records. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from tidegate.foreign.sentry.releases import service_of
from tidegate.foreign.values import mapping, optional, text
from tidegate_gateway.errors import RefusedError
from tidegate_gateway.intake import Event
from tidegate_gateway.sentry.arrival import Arrival
from tidegate_gateway.sentry.attributes import kept_attributes, plain_attributes
from tidegate_schemas.canonical import canonical_json, canonical_object
from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.reasons import Reason

SEVERITIES: Mapping[str, int] = {"trace": 1, "debug": 5, "info": 9, "warn": 13, "error": 17, "fatal": 21}
"""OpenTelemetry's lowest severity number of each of Sentry's levels."""
_LEVELS = {"trace": "debug", "warn": "warning", "warning": "warning"}
#: What has a field of its own.
_OWN = frozenset({"sentry.environment", "sentry.release", "logger.name", "event.name"})


def numbered(records: Iterable[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], int]]:
    """Each record, and how many before it say exactly the same: records have no id, and a retry has the same order."""
    seen: Counter[str] = Counter()
    found = []
    for record in records:
        said = canonical_json(record)
        found.append((record, seen[said]))
        seen[said] += 1
    return found


def log_event(record: Mapping[str, Any], copy: int, arrival: Arrival) -> Event:
    """A log record; `copy` tells it from those that say the same. Raises RefusedError."""
    if not isinstance(record.get("body"), str):
        raise RefusedError(Reason.MISSING_FIELD, "body", "must be there: the text of the log record")
    attributes = plain_attributes(record.get("attributes"))
    release, level = text(attributes, "sentry.release"), text(record, "level", default="info").lower()
    number = record.get("severity_number")
    known = isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= 24
    return {
        "event_id": derived_event_id("sentry.log", arrival.project, canonical_json(record), str(copy)),
        "name": text(attributes, "event.name", default="log"),
        "body": text(record, "body"),
        "severity_number": number if known else SEVERITIES.get(level, SEVERITIES["info"]),
        "level": _LEVELS.get(level, level if level in SEVERITIES else "info"),
        "logger": text(attributes, "logger.name"),
        "occurred_at": arrival.corrected(record.get("timestamp"), "timestamp"),
        "environment": text(attributes, "sentry.environment"),
        "release": release,
        "service": text(attributes, "service.name") or service_of(release),
        "user_id": optional(attributes, "user.id"),
        "trace_id": optional(record, "trace_id"),
        "span_id": text(record, "span_id") or optional(attributes, "sentry.trace.parent_span_id"),
        "attributes": canonical_object(
            {name: each for name, each in kept_attributes(attributes).items() if name not in _OWN}
        ),
    }


def records_of(container: Mapping[str, Any], what: str) -> list[Mapping[str, Any]]:
    """The items of a container. Raises RefusedError."""
    items = container.get("items")
    if not isinstance(items, list):
        raise RefusedError(Reason.MISSING_FIELD, f"items of {what}", "must be there: an array of objects")
    return [mapping(item) for item in items]
