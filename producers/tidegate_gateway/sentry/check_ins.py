"""Check-ins of scheduled jobs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.foreign.sentry.events import release_of
from tidegate.foreign.values import mapping, optional, text
from tidegate_gateway.errors import RefusedError
from tidegate_gateway.intake import Event
from tidegate_gateway.sentry.arrival import Arrival
from tidegate_gateway.sentry.sessions import seconds_of
from tidegate_schemas.canonical import canonical_object
from tidegate_schemas.identity import derived_event_id, new_event_id
from tidegate_schemas.reasons import Reason

STATES = ("in_progress", "ok", "error")


def check_in_event(check_in: Mapping[str, Any], arrival: Arrival) -> Event:
    """One check-in; those of one run of a job share their `check_in_id`. Raises RefusedError."""
    slug, status = text(check_in, "monitor_slug"), text(check_in, "status")
    if not slug:
        raise RefusedError(Reason.MISSING_FIELD, "monitor_slug", "must be there: the monitor's name")
    if status not in STATES:
        raise RefusedError(Reason.INVALID_FIELD, "status", f"must be one of {', '.join(STATES)}")
    run = text(check_in, "check_in_id").replace("-", "").lower().strip("0")
    trace = mapping(mapping(check_in.get("contexts")).get("trace"))
    config = mapping(check_in.get("monitor_config"))
    return {
        **release_of(check_in),
        # A ping without an id may be any: the next one says the same.
        "event_id": derived_event_id("sentry.check_in", arrival.project, slug, run, status) if run else new_event_id(),
        "name": slug,
        "report": "check_in",
        "state": status,
        "occurred_at": arrival.corrected(check_in.get("timestamp"), "timestamp"),
        "duration_seconds": seconds_of(check_in.get("duration")),
        "session_id": run or None,
        "trace_id": optional(trace, "trace_id"),
        "properties": canonical_object({"monitor_config": config} if config else {}),
    }
