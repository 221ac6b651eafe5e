"""Sessions as clients report them: the state of one so far, or counts of many. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from tidegate.foreign.sentry.events import release_of
from tidegate.foreign.values import mapping, optional, text
from tidegate_gateway.errors import RefusedError
from tidegate_gateway.intake import Event
from tidegate_gateway.sentry.arrival import Arrival
from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.reasons import Reason

STATES: Mapping[str, str] = {
    "ok": "ok",
    "exited": "exited",
    "errored": "errored",
    "unhandled": "errored",
    "crashed": "crashed",
    "abnormal": "abnormal",
}
"""Our word for each of Sentry's states of a session."""
MAX_QUANTITY = 1_000_000_000
MAX_SECONDS = 31_536_000.0


def session_event(session: Mapping[str, Any], arrival: Arrival) -> Event:
    """One report of a session. Raises RefusedError."""
    sid = text(session, "sid").replace("-", "").lower()
    if not sid:
        raise RefusedError(Reason.MISSING_FIELD, "sid", "must be there: the session's id")
    status = text(session, "status", default="ok")
    if status not in STATES:
        raise RefusedError(Reason.INVALID_FIELD, "status", f"must be one of {', '.join(STATES)}")
    errors, init = _number(session.get("errors")), session.get("init") is True
    # Most clients don't number a session's reports; the time of a report, and what it says, tell them apart.
    seq = text(session, "seq", "timestamp")
    identity = (sid, seq, status, str(errors), str(init))
    return {
        **_place(session, arrival),
        "event_id": derived_event_id("sentry.session", arrival.project, *identity),
        "name": "session",
        "report": "session",
        "state": STATES[status],
        "init": init,
        "errors": errors,
        "duration_seconds": seconds_of(session.get("duration")),
        "session_id": sid,
        "user_id": optional(session, "did"),
    }


def count_events(sessions: Mapping[str, Any], payload: bytes, number: int, arrival: Arrival) -> Iterator[Event]:
    """What an item `sessions` counts: an event for each minute, user and state. `number` is the item's own.

    Raises RefusedError.
    """
    buckets = sessions.get("aggregates")
    if not isinstance(buckets, list):
        raise RefusedError(Reason.MISSING_FIELD, "aggregates", "must be there: an array of counts")
    for index, bucket in enumerate(map(mapping, buckets)):
        place = _place({**bucket, "attrs": sessions.get("attrs")}, arrival)
        for status, state in STATES.items():
            quantity = bucket.get(status, 0)
            if not isinstance(quantity, int) or isinstance(quantity, bool) or not 0 <= quantity <= MAX_QUANTITY:
                limit = f"must be a whole number up to {MAX_QUANTITY}"
                raise RefusedError(Reason.INVALID_FIELD, f"aggregates[{index}].{status}", limit)
            if quantity:
                yield {
                    **place,
                    "event_id": arrival.identity_of("sentry.sessions", payload, str(number), str(index), status),
                    "name": "sessions",
                    "report": "sessions",
                    "state": state,
                    "quantity": quantity,
                    "user_id": optional(bucket, "did"),
                }


def seconds_of(value: object) -> float:
    """A duration within a year; 0 for anything else."""
    if not isinstance(value, int | float) or isinstance(value, bool) or math.isnan(value):
        return 0.0
    return float(min(max(value, 0.0), MAX_SECONDS))


def _place(session: Mapping[str, Any], arrival: Arrival) -> Event:
    """Release and environment, and when the session began: the time that it counts at. Raises RefusedError."""
    attrs = mapping(session.get("attrs"))
    started = session.get("started") or session.get("timestamp")
    if started is None:
        raise RefusedError(Reason.MISSING_FIELD, "started", "must be there: when the session began")
    return {
        **release_of(attrs),
        "occurred_at": arrival.corrected(started, "started"),
        "ip": optional(attrs, "ip_address"),
        "user_agent": optional(attrs, "user_agent"),
    }


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 62 else 0
