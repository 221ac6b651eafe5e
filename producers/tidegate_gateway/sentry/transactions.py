"""Sentry's transactions as spans: the root and each of its children. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tidegate_gateway.intake import Event
from tidegate_gateway.sentry.events import common, corrected
from tidegate_gateway.statements import summarise
from tidegate_gateway.values import mapping, optional, text
from tidegate_schemas.canonical import canonical_object
from tidegate_schemas.identity import derived_event_id

_GOOD = frozenset({"", "ok", "unset"})


def span_events(
    transaction: Mapping[str, Any],
    project: str,
    received_at: datetime,
    sent_at: datetime | None,
    sample_rate: float = 1.0,
) -> list[Event]:
    """The transaction's own span first. Raises RefusedError."""
    trace = mapping(mapping(transaction.get("contexts")).get("trace"))
    shared = common(transaction, received_at, sent_at)
    root_like = {**trace, "timestamp": transaction.get("timestamp")}
    root_like["start_timestamp"] = transaction.get("start_timestamp")
    times = (received_at, sent_at)
    root = _span(root_like, shared, project, times, sample_rate)
    root["name"] = text(transaction, "transaction", default="transaction")
    response = mapping(mapping(transaction.get("contexts")).get("response"))
    code = response.get("status_code")
    root["status_code"] = code if isinstance(code, int) and 100 <= code <= 599 else _code_of(root["status"], trace)
    root["properties"] = canonical_object({"tags": transaction.get("tags") or {}})
    spans = transaction.get("spans")
    children = [child for child in spans if isinstance(child, dict)] if isinstance(spans, list) else []
    plain = {**shared, "route": "", "method": ""}
    return [root, *(_span(child, plain, project, times, sample_rate) for child in children)]


def _span(
    span: Mapping[str, Any],
    shared: Event,
    project: str,
    times: tuple[datetime, datetime | None],
    sample_rate: float,
) -> Event:
    begun = corrected(span.get("start_timestamp"), "start_timestamp", *times)
    ended = corrected(span.get("timestamp"), "timestamp", *times)
    operation, description = _operation(text(span, "op")), text(span, "description")
    system = text(mapping(span.get("data")), "db.system.name", "db.system")
    trace_id = text(span, "trace_id") or (shared["trace_id"] or "")
    span_id = text(span, "span_id")
    status = text(span, "status").lower()
    return {
        **shared,
        "event_id": derived_event_id("span", project, trace_id.lower(), span_id.lower()),
        "name": "query" if operation == "query" else description or text(span, "op", default="span"),
        "occurred_at": begun,
        "sample_rate": sample_rate,
        "operation": operation,
        "duration_seconds": max(0.0, (ended - begun).total_seconds()),
        "status": "ok" if status in _GOOD else "error",
        "statement": summarise(description, system) if operation == "query" else "",
        "db_system": system,
        "trace_id": trace_id or None,
        "span_id": span_id or None,
        "parent_span_id": optional(span, "parent_span_id"),
    }


def _operation(op: str) -> str:
    if op == "http.server":
        return "request"
    if op == "db" or op.startswith("db."):
        return "query"
    return "client" if op == "http.client" else "internal"


def _code_of(status: str, trace: Mapping[str, Any]) -> int:
    """A request without a status code: what its status stands for."""
    if text(trace, "op") != "http.server":
        return 0
    return 200 if status == "ok" else 500
