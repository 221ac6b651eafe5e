"""Every item of an envelope: sorted out by its type, or counted by its name. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from tidegate_gateway.errors import RefusedError
from tidegate_gateway.intake import Batch, Event, Report
from tidegate_gateway.sentry.arrival import Arrival
from tidegate_gateway.sentry.check_ins import check_in_event
from tidegate_gateway.sentry.client_reports import PRODUCER, client_reports
from tidegate_gateway.sentry.envelope import Item, SentryEnvelope
from tidegate_gateway.sentry.events import error_event
from tidegate_gateway.sentry.feedback import feedback_event, user_report_event
from tidegate_gateway.sentry.logs import log_event, numbered, records_of
from tidegate_gateway.sentry.sessions import count_events, session_event
from tidegate_gateway.sentry.spans import contained_span, lone_span
from tidegate_gateway.sentry.transactions import child_span, children, root_span
from tidegate_gateway.turns import Slices
from tidegate_gateway.values import parse_object
from tidegate_schemas.reasons import Reason
from tidegate_schemas.topics import Kind

PROTOCOL = "sentry"
#: Events that one envelope may become; the original takes 1,000 spans and as many log records.
MAX_EVENTS = 5_000
UNSUPPORTED = frozenset(
    {
        "attachment",
        "form_data",
        "metric_buckets",
        "metric_meta",
        "minidump",
        "nel",
        "otel_span",
        "profile",
        "profile_chunk",
        "raw_security",
        "replay_event",
        "replay_recording",
        "replay_video",
        "security",
        "statsd",
        "trace_metric",
        "unreal_report",
    }
)
"""Types that are counted under their own name; any that isn't known is `sentry.other`."""
_SPAN_CONTAINER = "application/vnd.sentry.items.span.v2+json"


def sort_out(envelope: SentryEnvelope, arrival: Arrival) -> Slices[Batch]:
    """Every item's events and counts; what can't be taken is refused by its place."""
    batch = Batch(PROTOCOL)
    for index, item in enumerate(envelope.items):
        yield
        try:
            sort_item(batch, index, item, arrival)
        except RefusedError as error:
            batch.refuse(index, error, item.payload)
    return batch


def sort_item(batch: Batch, index: int, item: Item, arrival: Arrival) -> None:
    """One item. Raises RefusedError, maybe after a part of it: sent again, that part has the same ids."""
    if not item.type:
        raise RefusedError(Reason.MISSING_FIELD, f"type of item {index}", "must be there: what the item is")
    if item.type == "attachment" and arrival.attachments:
        return  # what is kept of it is in the error
    handle = HANDLERS.get(item.type)
    if handle is None:
        name = arrival.name_of("unsupported", item.payload, index)
        count_unsupported(batch, item.type, name, _number(item))
    else:
        handle(batch, index, item, arrival)


def count_unsupported(batch: Batch, kind: str, name: str, quantity: int = 1) -> None:
    """Count what has no place here, by its kind; one of the sender's own invention is none.

    Of several with the same `name` one counts, whichever gateways they came by: so they are the clients' and not a
    gateway's.
    """
    known = f"{PROTOCOL}.{kind if kind in UNSUPPORTED else 'other'}"
    batch.left_out.append(Report(PRODUCER, name, known, "dropped", Reason.UNSUPPORTED_ITEM.value, quantity))


def sort_transaction(batch: Batch, index: int, transaction: Mapping[str, Any], arrival: Arrival) -> None:
    """The root and its children; a bad child is refused alone. Raises RefusedError."""
    root = root_span(transaction, arrival)
    _add(batch, [("span", root)])
    _each(batch, index, "span", children(transaction), lambda child: child_span(child, root, arrival))


def _event(batch: Batch, index: int, item: Item, arrival: Arrival) -> None:
    event = parse_object(item.payload, "event")
    if event.get("type") == "transaction":
        sort_transaction(batch, index, event, arrival)
    else:
        _add(batch, [("error", error_event(event, arrival))])


def _transaction(batch: Batch, index: int, item: Item, arrival: Arrival) -> None:
    sort_transaction(batch, index, parse_object(item.payload, "transaction"), arrival)


def _span(batch: Batch, index: int, item: Item, arrival: Arrival) -> None:
    content = parse_object(item.payload, "span")
    if "items" in content or item.header.get("content_type") == _SPAN_CONTAINER:
        records = records_of(content, "span")
        _each(batch, index, "span", records, lambda record: contained_span(record, arrival))
    else:
        _add(batch, [("span", lone_span(content, arrival))])


def _log(batch: Batch, index: int, item: Item, arrival: Arrival) -> None:
    records = records_of(parse_object(item.payload, "log"), "log")
    copies = {id(record): copy for record, copy in numbered(records)}
    _each(batch, index, "log", records, lambda record: log_event(record, copies[id(record)], arrival))


def _session(batch: Batch, _: int, item: Item, arrival: Arrival) -> None:
    _add(batch, [("health", session_event(parse_object(item.payload, "session"), arrival))])


def _sessions(batch: Batch, index: int, item: Item, arrival: Arrival) -> None:
    counts = count_events(parse_object(item.payload, "sessions"), item.payload, index, arrival)
    _add(batch, [("health", event) for event in counts])


def _feedback(batch: Batch, _: int, item: Item, arrival: Arrival) -> None:
    _add(batch, [("health", feedback_event(parse_object(item.payload, "feedback"), arrival))])


def _user_report(batch: Batch, _: int, item: Item, arrival: Arrival) -> None:
    _add(batch, [("health", user_report_event(parse_object(item.payload, "user_report"), arrival))])


def _check_in(batch: Batch, _: int, item: Item, arrival: Arrival) -> None:
    _add(batch, [("health", check_in_event(parse_object(item.payload, "check_in"), arrival))])


def _client_report(batch: Batch, _: int, item: Item, arrival: Arrival) -> None:
    batch.reports += list(client_reports(parse_object(item.payload, "client_report"), arrival))


HANDLERS: Mapping[str, Callable[[Batch, int, Item, Arrival], None]] = {
    "event": _event,
    "transaction": _transaction,
    "span": _span,
    "log": _log,
    "session": _session,
    "sessions": _sessions,
    "feedback": _feedback,
    "user_report": _user_report,
    "check_in": _check_in,
    "client_report": _client_report,
}
"""Types that are processed, besides attachments of an error."""


def _each(
    batch: Batch,
    index: int,
    kind: Kind,
    records: Iterable[Mapping[str, Any]],
    mapped: Callable[[Mapping[str, Any]], Event],
) -> None:
    """Every record of an item as an event; one that can't be is refused alone. Raises RefusedError if they are many."""
    for record in records:
        try:
            event = mapped(record)
        except RefusedError as error:
            _have_room(batch, 1)
            batch.refuse(index, error, orjson.dumps(record))
        else:
            _add(batch, [(kind, event)])


def _add(batch: Batch, events: list[tuple[Kind, Event]]) -> None:
    _have_room(batch, len(events))
    batch.events += events


def _have_room(batch: Batch, more: int) -> None:
    if len(batch.events) + len(batch.bad) + more > MAX_EVENTS:
        raise RefusedError(Reason.OVERSIZE, "envelope", f"holds more than {MAX_EVENTS} events; what follows was left")


def _number(item: Item) -> int:
    """How many records an item says that it holds: containers tell it."""
    said = item.header.get("item_count")
    return said if isinstance(said, int) and not isinstance(said, bool) and 0 < said <= MAX_EVENTS else 1
