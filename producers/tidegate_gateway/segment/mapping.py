"""Segment's calls as track events. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tidegate.foreign.values import mapping, text
from tidegate_gateway.consent import consent_of
from tidegate_gateway.errors import RefusedError
from tidegate_gateway.intake import Event
from tidegate_gateway.object_text import object_text
from tidegate_gateway.segment.fields import identifier, members, moment, said
from tidegate_gateway.signals import nameless
from tidegate_gateway.values import in_range
from tidegate_schemas.canonical import canonical_json
from tidegate_schemas.identity import derived_event_id, new_event_id
from tidegate_schemas.reasons import Reason

#: What each call must carry besides someone's id.
TYPES: Mapping[str, str | None] = {
    "track": "event",
    "page": None,
    "screen": None,
    "identify": None,
    "group": "groupId",
    "alias": "previousId",
}
#: Properties of a page that say where it is, how the visitor came there and what the query was.
_ADDRESSES = frozenset({"url", "referrer", "search"})


@dataclass(frozen=True)
class Request:
    """What the calls of one request share."""

    project: str
    received_at: datetime
    sent_at: datetime | None = None
    #: the batch's context, which that of an item overrides
    context: Mapping[str, Any] = field(default_factory=dict)
    #: address of the browser that calls for itself; None where a server calls for others
    browser_ip: str | None = None
    #: the visitor's browser says no (GPC or DNT)
    signal: bool = False


def to_event(item: Mapping[str, Any], request: Request) -> Event:
    """One call as an event. Raises RefusedError."""
    kind = text(item, "type")
    if kind not in TYPES:
        raise RefusedError(Reason.UNKNOWN_KIND, "type", f"must be one of {', '.join(sorted(TYPES))}")
    own = members(item, "context")
    context = {**request.context, **own} if request.context else own
    user_id, anonymous_id = identifier(item, "userId"), identifier(item, "anonymousId")
    if not (user_id or anonymous_id):
        raise RefusedError(Reason.MISSING_FIELD, "userId", "userId or anonymousId must be given")
    required = TYPES[kind]
    if required is not None and identifier(item, required) is None:
        raise RefusedError(Reason.MISSING_FIELD, required, f"a {kind} call must give it")
    given, traits = members(item, "properties"), members(item, "traits")
    properties = _properties(kind, item, context)
    person = mapping(context.get("traits"))
    if traits and kind != "group":
        person = {**person, **traits}
    event = {
        "event_id": _event_id(item, request.project),
        "type": kind,
        "name": identifier(item, "event" if kind == "track" else "name") or kind,
        "occurred_at": _occurred_at(item, request),
        "user_id": user_id,
        "anonymous_id": anonymous_id,
        "previous_id": identifier(item, "previousId") if kind == "alias" else None,
        "session_id": said(context, "sessionId") or said(properties, "session_id") or None,
        "properties": object_text(properties),
        "traits": object_text(person),
        "feature": said(properties, "feature"),
        "agent": said(properties, "agent"),
        "failed": properties.get("failed") is True or properties.get("success") is False,
        **_context(context, given, request.browser_ip),
    }
    event["consent"] = consent_of(event["consent"], signal=request.signal)
    return nameless("track", event) if request.signal and event["consent"] == "anonymous" else event


def _event_id(item: Mapping[str, Any], project: str) -> str:
    """From the sender's own id. Without one, a call that says when it was is known again by all that it says.

    Without a time either, two equal calls may be two events: each has a new id.
    """
    message_id = identifier(item, "messageId")
    if message_id is not None:
        return derived_event_id("segment", project, message_id)
    if item.get("timestamp") or item.get("originalTimestamp"):
        said = {name: value for name, value in item.items() if name != "sentAt"}
        return derived_event_id("segment-call", project, canonical_json(said))
    return new_event_id()


def _properties(kind: str, item: Mapping[str, Any], context: Mapping[str, Any]) -> Mapping[str, Any]:
    """The call's own, and what is to be found beside them: group, a group's traits, category, campaign.

    A page's addresses have columns of their own, of which the gate cuts the query: what visitors typed stays out.
    """
    properties = members(item, "properties")
    if kind in {"page", "screen"}:
        properties = {name: value for name, value in properties.items() if name not in _ADDRESSES}
    beside: dict[str, Any] = {}
    if group_id := identifier(item, "groupId") or said(context, "groupId"):
        beside["group_id"] = group_id
    if kind == "group":
        beside["group_traits"] = members(item, "traits")
    if category := identifier(item, "category"):
        beside["category"] = category
    if campaign := mapping(context.get("campaign")):
        beside["campaign"] = campaign
    return {**beside, **properties} if beside else properties


def _occurred_at(item: Mapping[str, Any], request: Request) -> datetime:
    """Segment's rule: receivedAt - (sentAt - originalTimestamp), so that a wrong clock falls out of it.

    Most clients call the original time `timestamp`. RudderStack's Node client sends both: when the application says it
    happened, and, as the original one, when it was called.
    """
    called = moment(item, "originalTimestamp")
    original = moment(item, "timestamp") or called
    if original is None:
        return request.received_at
    sent_at = request.sent_at or moment(item, "sentAt")
    return in_range(request.received_at - (sent_at - original), "timestamp") if sent_at else original


def _context(context: Mapping[str, Any], properties: Mapping[str, Any], browser_ip: str | None) -> Event:
    """Context informs: what has another type in there counts as absent, and costs no event."""
    app, page = mapping(context.get("app")), mapping(context.get("page"))
    return {
        "environment": said(context, "environment"),
        "release": said(app, "version"),
        "service": said(app, "name"),
        "ip": said(context, "ip") or browser_ip,
        "user_agent": said(context, "userAgent") or None,
        "url": said(properties, "url") or said(page, "url") or None,
        "referrer": said(properties, "referrer") or said(page, "referrer") or None,
        "consent": _consent(context["consent"]) if "consent" in context else "unknown",
    }


def _consent(consent: object) -> str:
    """Segment's consent context names categories; ours is the one called analytics, or a plain word."""
    if isinstance(consent, str) and consent in {"granted", "anonymous", "denied"}:
        return consent
    preferences = mapping(mapping(consent).get("categoryPreferences"))
    analytics = {key.lower(): value for key, value in preferences.items()}.get("analytics")
    return {True: "granted", False: "denied"}.get(analytics, "unknown") if isinstance(analytics, bool) else "unknown"
