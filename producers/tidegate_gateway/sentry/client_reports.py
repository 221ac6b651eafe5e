"""What Sentry's clients gave up themselves. Pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from tidegate.foreign.values import mapping, text
from tidegate_gateway.errors import RefusedError
from tidegate_gateway.intake import Report
from tidegate_gateway.sentry.arrival import Arrival
from tidegate_gateway.values import instant
from tidegate_schemas.canonical import canonical_json
from tidegate_schemas.reasons import Reason

#: They number nothing, so they are one producer, apart from the gateway that passes their word on.
PRODUCER = "sentry"
MAX_ENTRIES = 1_000
MAX_AGE = timedelta(days=1)
LISTS = ("discarded_events", "rate_limited_events", "filtered_events", "filtered_sampling_events")
REASONS: Mapping[str, Reason] = {
    "sample_rate": Reason.SAMPLED,
    "backpressure": Reason.SAMPLED,
    "queue_overflow": Reason.QUEUE_FULL,
    "cache_overflow": Reason.QUEUE_FULL,
    "buffer_overflow": Reason.QUEUE_FULL,
    "ratelimit_backoff": Reason.HELD_BACK,
    "network_error": Reason.NETWORK_ERROR,
    "send_error": Reason.NETWORK_ERROR,
    "before_send": Reason.FILTERED,
    "event_processor": Reason.FILTERED,
    "ignored": Reason.FILTERED,
    "insufficient_data": Reason.FILTERED,
    "no_parent_span": Reason.FILTERED,
    "invalid": Reason.FILTERED,
    "internal_sdk_error": Reason.CLIENT_ERROR,
}
"""Our word for each reason of Sentry's; any other is `client_error`."""
KINDS: Mapping[str, str] = {
    "default": "error",
    "error": "error",
    "security": "error",
    "transaction": "span",
    "span": "span",
    "span_indexed": "span",
    "session": "health",
    "monitor": "health",
    "feedback": "health",
    "user_report_v2": "health",
    "log_item": "log",
}
"""Kind of what a category counts."""
NOT_EVENTS = frozenset({"attachment", "log_byte", "trace_metric_byte", "profile_duration", "profile_duration_ui"})
"""Categories that count bytes or milliseconds."""
OTHERS = frozenset(
    {"profile", "profile_chunk", "profile_chunk_ui", "replay", "metric_bucket", "statsd", "trace_metric", "internal"}
)


def client_reports(report: Mapping[str, Any], arrival: Arrival) -> Iterator[Report]:
    """What a client report counts, by kind and reason. The same report again has the same identity.

    Raises RefusedError.
    """
    digest = _digest(report, arrival)
    minute = _minute(report, arrival)
    for (kind, reason), quantity in _counts(report).items():
        yield Report(PRODUCER, digest, kind, "dropped", reason.value, quantity, minute=minute)


def _counts(report: Mapping[str, Any]) -> Counter[tuple[str, Reason]]:
    entries = [(text(entry, "category"), text(entry, "reason"), entry.get("quantity")) for entry in _entries(report)]
    with_spans = {reason for category, reason, _ in entries if category == "span"}
    counts: Counter[tuple[str, Reason]] = Counter()
    for category, reason, quantity in entries:
        if not isinstance(quantity, int) or isinstance(quantity, bool) or not 0 <= quantity < 1 << 31:
            raise RefusedError(Reason.INVALID_FIELD, "quantity", "must be a whole number below 2147483648")
        # A client that counts spans has counted the transaction's own among them.
        twice = category == "transaction" and reason in with_spans
        if quantity and category not in NOT_EVENTS and not twice:
            counts[kind_of_category(category), REASONS.get(reason, Reason.CLIENT_ERROR)] += quantity
    return counts


def kind_of_category(category: str) -> str:
    """One of our kinds, else `sentry.` and Sentry's own name; a name that we don't know is `sentry.other`."""
    return KINDS.get(category) or f"sentry.{category if category in OTHERS else 'other'}"


def _entries(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for name in LISTS:
        listed = report.get(name)
        found += map(mapping, listed if isinstance(listed, list) else [])
    if len(found) > MAX_ENTRIES:
        raise RefusedError(Reason.OVERSIZE, LISTS[0], f"has more than {MAX_ENTRIES} entries")
    return found


def _digest(report: Mapping[str, Any], arrival: Arrival) -> str:
    """Of the report and its envelope's header. `sent_at` is left out: a client that sends again says when anew."""
    header = {name: value for name, value in arrival.header.items() if name != "sent_at"}
    return hashlib.sha256(canonical_json([report, header, arrival.project]).encode()).hexdigest()


def _minute(report: Mapping[str, Any], arrival: Arrival) -> datetime:
    """By the client's own time, which a retry doesn't change; by receipt where that is absent or too far off."""
    try:
        moment = instant(report.get("timestamp"), "timestamp")
    except RefusedError:
        moment = arrival.received_at
    near = abs(moment - arrival.received_at) <= MAX_AGE
    return (moment if near else arrival.received_at).replace(second=0, microsecond=0)
