"""OTLP spans as ours. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tidegate_gateway.errors import RefusedError
from tidegate_gateway.intake import Batch, Event
from tidegate_gateway.otlp.attributes import Origin, attributes
from tidegate_gateway.statements import summarise
from tidegate_gateway.values import from_nanos, optional, text
from tidegate_schemas.canonical import canonical_object
from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.reasons import Reason

#: Attributes that have a field of their own, or that must not go on (whole statements hold literals).
_TAKEN = frozenset(
    {
        "client.address",
        "db.name",
        "db.query.parameter",
        "db.query.summary",
        "db.query.text",
        "db.statement",
        "db.system",
        "db.system.name",
        "enduser.id",
        "http.client_ip",
        "http.method",
        "http.request.method",
        "http.response.status_code",
        "http.route",
        "http.status_code",
        "http.target",
        "http.url",
        "http.user_agent",
        "net.peer.ip",
        "session.id",
        "url.full",
        "url.query",
        "user.id",
        "user_agent.original",
    }
)


def span_batch(request: ExportTraceServiceRequest, project: str) -> Batch:
    """All spans of a request, good and bad."""
    batch, index = Batch("otlp"), 0
    for resource_spans in request.resource_spans:
        origin = Origin.of(resource_spans.resource)
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                try:
                    batch.events.append(("span", span_event(span, origin, project)))
                except RefusedError as error:
                    batch.refuse(index, error, span.SerializeToString())
                index += 1
    return batch


def span_event(span: Span, origin: Origin, project: str) -> Event:
    """One span. Raises RefusedError."""
    if len(span.trace_id) != 16 or len(span.span_id) != 8:
        raise RefusedError(Reason.INVALID_FIELD, "traceId", "must have 16 bytes, and spanId 8")
    if span.end_time_unix_nano < span.start_time_unix_nano:
        raise RefusedError(Reason.INVALID_FIELD, "endTimeUnixNano", "must not be before startTimeUnixNano")
    trace_id, span_id = span.trace_id.hex(), span.span_id.hex()
    named = attributes(span.attributes)
    operation = _operation(span, named)
    return {
        **origin.fields,
        "event_id": derived_event_id("span", project, trace_id, span_id),
        "name": span.name,
        "occurred_at": from_nanos(span.start_time_unix_nano, "startTimeUnixNano"),
        "sample_rate": sample_rate(span.trace_state),
        "operation": operation,
        "duration_seconds": (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
        "status": "error" if span.status.code == Status.STATUS_CODE_ERROR else "ok",
        "trace_id": trace_id,
        "span_id": span_id,
        "parent_span_id": span.parent_span_id.hex() or None,
        "user_id": optional(named, "user.id", "enduser.id"),
        "session_id": optional(named, "session.id"),
        "ip": optional(named, "client.address", "http.client_ip", "net.peer.ip"),
        "user_agent": optional(named, "user_agent.original", "http.user_agent"),
        "url": optional(named, "url.full", "http.url"),
        "properties": canonical_object({key: value for key, value in named.items() if key not in _TAKEN}),
        **_http(named, operation),
        **_query(span.name, named, operation),
    }


def _operation(span: Span, named: Mapping[str, Any]) -> str:
    if span.kind == Span.SPAN_KIND_SERVER:
        return "request"
    if span.kind == Span.SPAN_KIND_CLIENT:
        return "query" if text(named, "db.system.name", "db.system") else "client"
    return "internal"


def _http(named: Mapping[str, Any], operation: str) -> Event:
    if operation not in {"request", "client"}:
        return {}
    code = text(named, "http.response.status_code", "http.status_code")
    status = int(code) if code.isdecimal() and 100 <= int(code) <= 599 else 0
    route = text(named, "http.route") if operation == "request" else ""
    return {
        "route": route,
        "method": text(named, "http.request.method", "http.method").upper()[:16],
        "status_code": status,
    }


def _query(name: str, named: Mapping[str, Any], operation: str) -> Event:
    if operation != "query":
        return {}
    system = text(named, "db.system.name", "db.system")
    summary = " ".join(text(named, "db.query.summary").split()) or summarise(
        text(named, "db.query.text", "db.statement"), system
    )
    if not summary:
        verb = text(named, "db.operation.name", "db.operation")
        target = text(named, "db.collection.name", "db.sql.table", "db.mongodb.collection", "db.cassandra.table")
        summary = f"{verb} {target}".strip()
    if not summary and name.isidentifier():  # such as `connect`, which has no statement
        summary = name
    return {"statement": summary[:255], "db_system": system}


def sample_rate(trace_state: str) -> float:
    """OpenTelemetry's consistent sampling: `ot=th:T`, the share kept is 1 - T/16^14, T filled up with zeros."""
    for member in trace_state.split(","):
        key, _, value = member.strip().partition("=")
        if key != "ot":
            continue
        for part in value.split(";"):
            name, _, threshold = part.partition(":")
            if name == "th" and 0 < len(threshold) <= 14 and all(char in "0123456789abcdef" for char in threshold):
                rate = 1 - int(threshold.ljust(14, "0"), 16) / 16**14
                return rate if math.isfinite(rate) and 0 < rate <= 1 else 1.0
    return 1.0
