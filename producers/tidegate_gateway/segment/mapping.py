"""Segment's calls as track events. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tidegate_gateway.errors import RefusedError
from tidegate_gateway.intake import Event
from tidegate_gateway.values import instant, mapping, optional, text
from tidegate_schemas.canonical import canonical_object
from tidegate_schemas.identity import derived_event_id, new_event_id
from tidegate_schemas.reasons import Reason

TYPES = frozenset({"track", "page", "screen", "identify", "group", "alias"})


def to_event(
    item: Mapping[str, Any], shared: Mapping[str, Any], project: str, received_at: datetime, sent_at: datetime | None
) -> Event:
    """One call as an event. `shared` is the batch's context, which items override. Raises RefusedError."""
    kind = text(item, "type")
    if kind not in TYPES:
        allowed = ", ".join(sorted(TYPES))
        raise RefusedError(Reason.UNKNOWN_KIND, "type", f"must be one of {allowed}")
    context = {**shared, **mapping(item.get("context"))}
    properties = mapping(item.get("properties"))
    anonymous_id, user_id = optional(item, "anonymousId"), optional(item, "userId")
    previous = optional(item, "previousId") if kind == "alias" else None
    if not (anonymous_id or user_id or previous):
        raise RefusedError(Reason.MISSING_FIELD, "userId", "userId or anonymousId must be given")
    message_id = text(item, "messageId")
    return {
        "event_id": derived_event_id("segment", project, message_id) if message_id else new_event_id(),
        "type": kind,
        "name": _name(kind, item),
        "occurred_at": _occurred_at(item, received_at, sent_at),
        "user_id": user_id,
        "anonymous_id": anonymous_id,
        "previous_id": previous,
        "session_id": optional(context, "sessionId") or optional(properties, "session_id"),
        "properties": canonical_object(properties),
        "traits": canonical_object(mapping(item.get("traits"))),
        "feature": text(properties, "feature"),
        "agent": text(properties, "agent"),
        "failed": properties.get("failed") is True or properties.get("success") is False,
        **_context(context, properties),
    }


def _name(kind: str, item: Mapping[str, Any]) -> str:
    if kind == "track":
        name = text(item, "event")
        if not name:
            raise RefusedError(Reason.MISSING_FIELD, "event", "a track call must name its event")
        return name
    return text(item, "name") or kind


def _occurred_at(item: Mapping[str, Any], received_at: datetime, sent_at: datetime | None) -> datetime:
    """Segment's rule: receivedAt - (sentAt - originalTimestamp), so that a wrong clock falls out of it."""
    given = item.get("originalTimestamp") or item.get("timestamp")
    if given is None:
        return received_at
    original = instant(given, "timestamp")
    return received_at - (sent_at - original) if sent_at else original


def _context(context: Mapping[str, Any], properties: Mapping[str, Any]) -> Event:
    app, page = mapping(context.get("app")), mapping(context.get("page"))
    return {
        "environment": text(context, "environment"),
        "release": text(app, "version"),
        "service": text(app, "name"),
        "ip": optional(context, "ip"),
        "user_agent": optional(context, "userAgent"),
        "url": optional(properties, "url") or optional(page, "url"),
        "referrer": optional(properties, "referrer") or optional(page, "referrer"),
        "consent": _consent(context),
    }


def _consent(context: Mapping[str, Any]) -> str:
    """Segment's consent context names categories; ours is the one called analytics, or a plain word."""
    consent = context.get("consent")
    if isinstance(consent, str) and consent in {"granted", "anonymous", "denied"}:
        return consent
    preferences = mapping(mapping(consent).get("categoryPreferences"))
    analytics = {key.lower(): value for key, value in preferences.items()}.get("analytics")
    return {True: "granted", False: "denied"}.get(analytics, "unknown") if isinstance(analytics, bool) else "unknown"
