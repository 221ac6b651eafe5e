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
from tidegate_schemas.sentry_discards import NOT_EVENTS, kind_of_category, reason_of

#: They number nothing, so they are one producer, apart from the gateway that passes their word on.
PRODUCER = "sentry"
MAX_ENTRIES = 1_000
MAX_AGE = timedelta(days=1)
LISTS = ("discarded_events", "rate_limited_events", "filtered_events", "filtered_sampling_events")


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
            counts[kind_of_category(category), reason_of(reason)] += quantity
    return counts


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
