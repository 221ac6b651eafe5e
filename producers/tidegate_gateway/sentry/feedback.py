"""What users say: feedback items, and the older user reports. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.foreign.sentry.events import tags_of
from tidegate.foreign.values import mapping, optional, text
from tidegate_gateway.errors import RefusedError
from tidegate_gateway.intake import Event
from tidegate_gateway.sentry.arrival import Arrival
from tidegate_gateway.sentry.events import common, sentry_id
from tidegate_schemas.canonical import canonical_object
from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.reasons import Reason

_NOT_OURS = frozenset({"route", "method", "span_id"})


def feedback_event(feedback: Mapping[str, Any], arrival: Arrival) -> Event:
    """A feedback item. Name and address of who wrote it are not kept, but for a pseudonym. Raises RefusedError."""
    said = mapping(mapping(feedback.get("contexts")).get("feedback"))
    shared = {name: value for name, value in common(feedback, arrival).items() if name not in _NOT_OURS}
    properties = {"tags": tags_of(feedback.get("tags")), "source": text(said, "source")}
    return {
        **shared,
        **_voice(said, arrival, "message", "associated_event_id"),
        "event_id": derived_event_id("sentry.feedback", arrival.project, sentry_id(feedback, arrival)),
        "user_id": shared["user_id"] or optional(said, "contact_email"),
        "url": optional(said, "url") or shared["url"],
        "properties": canonical_object({name: value for name, value in properties.items() if value}),
    }


def user_report_event(report: Mapping[str, Any], arrival: Arrival) -> Event:
    """A user report: comments on an error that was sent before. Raises RefusedError."""
    voice = _voice(report, arrival, "comments", "event_id")
    identity = (text(report, "event_id"), voice["message"])
    return {
        **voice,
        "event_id": derived_event_id("sentry.user_report", arrival.project, *identity),
        "occurred_at": arrival.received_at,
        "user_id": optional(report, "email"),
    }


def _voice(said: Mapping[str, Any], arrival: Arrival, message: str, error: str) -> Event:
    words = text(said, message)
    if not words:
        raise RefusedError(Reason.MISSING_FIELD, message, "must be there: what the user says")
    about = text(said, error)
    error_id = derived_event_id("sentry", arrival.project, about.replace("-", "").lower()) if about else None
    return {"name": "feedback", "report": "feedback", "message": words, "error_id": error_id}
