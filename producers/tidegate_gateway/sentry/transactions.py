"""Sentry's transactions as spans: the root and each of its children. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tidegate.foreign.sentry.contexts import kept_contexts, members_of, sdk_of
from tidegate.foreign.sentry.events import tags_of
from tidegate.foreign.values import http_method, mapping, text
from tidegate_gateway.intake import Event
from tidegate_gateway.sentry.arrival import Arrival
from tidegate_gateway.sentry.events import common
from tidegate_gateway.sentry.spans import http_status, span_event, status_code
from tidegate_schemas.canonical import canonical_object


def root_span(transaction: Mapping[str, Any], arrival: Arrival) -> Event:
    """The transaction's own span. Raises RefusedError."""
    contexts = mapping(transaction.get("contexts"))
    trace = mapping(contexts.get("trace"))
    times = {name: transaction.get(name) for name in ("start_timestamp", "timestamp")}
    root = span_event({**trace, **times}, common(transaction, arrival), arrival)
    root["name"] = text(transaction, "transaction", default="transaction")
    tags = tags_of(transaction.get("tags"))
    said = mapping(contexts.get("response")).get("status_code")
    root["status_code"] = status_code(said) or http_status(trace, tags) if root["operation"] == "request" else 0
    data = mapping(trace.get("data"))
    root["method"] = root["method"] or http_method(data, "http.request.method", "http.method")
    measured = mapping(transaction.get("measurements"))
    numbers = {name: mapping(value).get("value") for name, value in measured.items()}
    kept = {
        "contexts": kept_contexts(contexts),
        "measurements": members_of(numbers, tuple(numbers)),
        "source": text(mapping(transaction.get("transaction_info")), "source"),
        "op": text(trace, "op"),
        "sdk": sdk_of(transaction),
    }
    root["properties"] = canonical_object({"tags": tags, **{name: value for name, value in kept.items() if value}})
    return root


def children(transaction: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The spans inside it, as they were sent."""
    spans = transaction.get("spans")
    return (child for child in spans if isinstance(child, dict)) if isinstance(spans, list) else iter(())


def child_span(child: Mapping[str, Any], root: Event, arrival: Arrival) -> Event:
    """One of them; what it doesn't say itself is the transaction's. Raises RefusedError."""
    shared = {name: value for name, value in root.items() if name not in _OWN}
    return span_event(child, {**shared, "route": "", "method": ""}, arrival)


_OWN = frozenset({"properties", "name", "span_id", "parent_span_id", "status_code"})
