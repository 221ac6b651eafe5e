"""Single spans: those inside a transaction, Sentry's older `span` items, and its containers of spans. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.foreign.sentry.releases import service_of
from tidegate.foreign.values import http_method, mapping, optional, text
from tidegate_gateway.errors import RefusedError
from tidegate_gateway.intake import Event
from tidegate_gateway.sentry.arrival import Arrival
from tidegate_gateway.sentry.attributes import kept_attributes, plain_attributes
from tidegate_gateway.statements import summarise
from tidegate_schemas.canonical import canonical_json, canonical_object
from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.reasons import Reason

_GOOD = frozenset({"", "ok", "unset"})
_CODES = {
    "ok": 200,
    "cancelled": 499,
    "invalid_argument": 400,
    "failed_precondition": 400,
    "out_of_range": 400,
    "unauthenticated": 401,
    "permission_denied": 403,
    "not_found": 404,
    "already_exists": 409,
    "aborted": 409,
    "resource_exhausted": 429,
    "unimplemented": 501,
    "unavailable": 503,
    "deadline_exceeded": 504,
}
"""HTTP status that a span's status stands for; any other one is 500."""
_SHARED = {"environment": "sentry.environment", "release": "sentry.release", "user_id": "user.id"}


def span_event(span: Mapping[str, Any], shared: Event, arrival: Arrival) -> Event:
    """One span; `shared` is what its transaction says for it. Raises RefusedError."""
    begun = arrival.corrected(span.get("start_timestamp"), "start_timestamp")
    ended = arrival.corrected(span.get("timestamp"), "timestamp")
    operation, description = operation_of(text(span, "op")), text(span, "description")
    system = text(mapping(span.get("data")), "db.system.name", "db.system")
    trace_id, span_id = text(span, "trace_id") or (shared.get("trace_id") or ""), text(span, "span_id")
    # A span without an id of its own is told apart by all that it says.
    own = span_id.lower() or canonical_json(span)
    return {
        **shared,
        "event_id": derived_event_id("span", arrival.project, trace_id.lower(), own),
        "name": "query" if operation == "query" else description or text(span, "op", default="span"),
        "occurred_at": begun,
        "sample_rate": sample_rate(arrival.header),
        "operation": operation,
        "duration_seconds": max(0.0, (ended - begun).total_seconds()),
        "status": "ok" if text(span, "status").lower() in _GOOD else "error",
        "statement": summarise(description, system) if operation == "query" else "",
        "db_system": system,
        "trace_id": trace_id or None,
        "span_id": span_id or None,
        "parent_span_id": optional(span, "parent_span_id"),
    }


def lone_span(span: Mapping[str, Any], arrival: Arrival) -> Event:
    """An item of type `span`: `op`, `description` and `data`, and no transaction around it. Raises RefusedError."""
    for name in ("start_timestamp", "timestamp"):
        if span.get(name) is None:
            raise RefusedError(Reason.MISSING_FIELD, name, "must be there: seconds since the epoch, or ISO 8601")
    data = mapping(span.get("data"))
    event = span_event(span, _shared(data), arrival)
    return (
        event | _request_of(event, span, data) | {"properties": canonical_object({"attributes": kept_attributes(data)})}
    )


def contained_span(item: Mapping[str, Any], arrival: Arrival) -> Event:
    """A span of a container: name, typed attributes, start and end. Raises RefusedError."""
    attributes = plain_attributes(item.get("attributes"))
    span = {
        "op": text(attributes, "sentry.op"),
        "description": text(attributes, "db.query.text", "db.statement") or text(item, "name"),
        "status": text(item, "status"),
        "trace_id": text(item, "trace_id"),
        "span_id": text(item, "span_id"),
        "parent_span_id": text(item, "parent_span_id"),
        "start_timestamp": item.get("start_timestamp"),
        "timestamp": item.get("end_timestamp"),
        "data": attributes,
    }
    return lone_span(span, arrival)


def operation_of(op: str) -> str:
    """Kind of operation that Sentry's name of it stands for."""
    if op == "http.server":
        return "request"
    if op == "db" or op.startswith("db."):
        return "query"
    return "client" if op == "http.client" else "internal"


def http_status(span: Mapping[str, Any], tags: Mapping[str, Any]) -> int:
    """A request's status code: from its data, a tag, or what the span's status stands for."""
    data, status = mapping(span.get("data")), text(span, "status").lower()
    said = text(data, "http.response.status_code", "http.status_code") or text(tags, "http.status_code")
    return status_code(int(said) if said.isdecimal() and len(said) == 3 else None) or _CODES.get(status or "ok", 500)


def status_code(value: object) -> int:
    """An HTTP status, 0 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599 else 0


def sample_rate(header: Mapping[str, Any]) -> float:
    """From the envelope's trace header; 1 where it says nothing usable."""
    try:
        rate = float(text(mapping(header.get("trace")), "sample_rate", default="1"))
    except ValueError:
        return 1.0
    return rate if 0 < rate <= 1 else 1.0


def _shared(data: Mapping[str, Any]) -> Event:
    release = text(data, "sentry.release")
    service = text(data, "service.name") or service_of(release)
    return {name: text(data, key) for name, key in _SHARED.items()} | {
        "service": service,
        "user_id": optional(data, "user.id"),
    }


def _request_of(event: Event, span: Mapping[str, Any], data: Mapping[str, Any]) -> Event:
    """Route, method and status of a request that was served."""
    if event["operation"] != "request":
        return {"route": "", "method": "", "status_code": 0}
    named = text(data, "http.route", "sentry.transaction") or text(span, "description")
    return {
        "route": named if named.startswith("/") else "",
        "method": http_method(data, "http.request.method", "http.method"),
        "status_code": http_status(span, {}),
    }
