"""Sentry's error events as ours. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from tidegate_gateway.errors import RefusedError
from tidegate_gateway.intake import Event
from tidegate_gateway.values import instant, mapping, optional, text
from tidegate_schemas.canonical import canonical_json, canonical_object
from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.reasons import Reason

MAX_FRAMES = 100
#: Only a clock that is off by more than this is corrected, as Sentry does it.
DRIFT = timedelta(minutes=1)
LEVELS = frozenset({"fatal", "error", "warning", "info", "debug"})
_HEX = frozenset("0123456789abcdef")


def error_event(
    event: Mapping[str, Any], project: str, received_at: datetime, sent_at: datetime | None, header_id: str = ""
) -> Event:
    """An error event. Raises RefusedError."""
    sentry_id = (text(event, "event_id") or header_id).replace("-", "").lower()
    if len(sentry_id) != 32 or not _HEX.issuperset(sentry_id):
        raise RefusedError(Reason.INVALID_FIELD, "event_id", "must be a UUID of 32 hexadecimal digits")
    exception = _exception(event)
    name, message = text(exception, "type"), text(exception, "value")
    level = text(event, "level", default="error")
    return {
        **common(event, received_at, sent_at),
        "event_id": derived_event_id("sentry", project, sentry_id),
        "name": name or "message",
        "message": message if name else _message(event),
        "level": level if level in LEVELS else "error",
        "handled": mapping(exception.get("mechanism")).get("handled") is not False,
        "stack": canonical_json(_frames(mapping(exception.get("stacktrace")).get("frames"))),
        "fingerprint": _fingerprint(event.get("fingerprint")),
        "platform": text(event, "platform"),
        "breadcrumbs": canonical_json(_values(event.get("breadcrumbs"))[-MAX_FRAMES:]),
        "properties": canonical_object({"tags": _tags(event.get("tags")), "extra": mapping(event.get("extra"))}),
    }


def common(event: Mapping[str, Any], received_at: datetime, sent_at: datetime | None) -> Event:
    """What error events and transactions share."""
    request, user = mapping(event.get("request")), mapping(event.get("user"))
    trace = mapping(mapping(event.get("contexts")).get("trace"))
    headers = {str(key).lower(): value for key, value in mapping(request.get("headers")).items()}
    release, transaction = text(event, "release"), text(event, "transaction")
    service = release.partition("@")[0] if "@" in release else ""
    return {
        "environment": text(event, "environment"),
        "release": release,
        "service": text(mapping(_tags(event.get("tags"))), "service") or service,
        "occurred_at": corrected(event.get("timestamp"), "timestamp", received_at, sent_at),
        "user_id": optional(user, "id", "username", "email"),
        "ip": optional(user, "ip_address") if text(user, "ip_address") != "{{auto}}" else None,
        "user_agent": optional(headers, "user-agent"),
        "url": optional(request, "url"),
        "trace_id": optional(trace, "trace_id"),
        "span_id": optional(trace, "span_id"),
        "route": transaction if transaction.startswith("/") else "",
        "method": text(request, "method").upper()[:16],
    }


def corrected(value: object, field: str, received_at: datetime, sent_at: datetime | None) -> datetime:
    """The client's time; a clock that is off is put right by what it said when it sent."""
    if value is None:
        return received_at
    moment = instant(value, field)
    drift = received_at - sent_at if sent_at else timedelta()
    return moment + drift if abs(drift) > DRIFT else moment


def _exception(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The exception that was raised last; those before it are its causes."""
    values = _values(event.get("exception"))
    return mapping(values[-1]) if values else {}


def _values(value: object) -> list[Any]:
    """Sentry wraps most lists in `{"values": […]}`."""
    inner = value.get("values") if isinstance(value, dict) else value
    return inner if isinstance(inner, list) else []


def _message(event: Mapping[str, Any]) -> str:
    entry = mapping(event.get("logentry"))
    return (
        text(entry, "formatted", "message")
        or text(event, "message")
        or text(mapping(event.get("message")), "formatted")
    )


def _frames(frames: object) -> list[dict[str, Any]]:
    """Frames without local variables and source around the line."""
    if not isinstance(frames, list):
        return []
    kept = [frame for frame in frames if isinstance(frame, dict)][-MAX_FRAMES:]
    names = ("module", "filename", "function", "lineno", "colno", "context_line", "in_app")
    return [{name: frame[name] for name in names if frame.get(name) is not None} for frame in kept]


def _fingerprint(value: object) -> str:
    """The sender's own grouping; Sentry's default mark alone is none."""
    parts = [str(part) for part in value] if isinstance(value, list) else []
    return "" if parts in ([], ["{{ default }}"], ["{{default}}"]) else canonical_json(parts)


def _tags(value: object) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    pairs = value if isinstance(value, list) else []
    return {str(pair[0]): pair[1] for pair in pairs if isinstance(pair, list) and len(pair) == 2}
