"""The way of one event as lines of text. Everything that is printed is free of personal data."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from clickhouse_connect.driver.client import Client

from tidegate_infra.errors import InfraError
from tidegate_infra.runtime import Addresses
from tidegate_infra.trace import tables
from tidegate_infra.trace.changes import changes
from tidegate_infra.trace.log import EventDecoder, Record, find, read
from tidegate_schemas.registry import SchemaRegistry
from tidegate_schemas.topics import clean_topic, raw_topic
from tidegate_stream.gate.sealing_keys import SealingKeys

__all__ = ["trace"]


def trace(
    where: Addresses, client: Client, event_id: str, keys: SealingKeys, registry: SchemaRegistry | None = None
) -> Iterator[str]:
    """Tell each hop, from the raw record to the windows; InfraError if `event_id` is no UUID.

    An event that isn't in ClickHouse is looked for in all raw topics, which reads them whole.
    """
    try:
        event_id = str(UUID(event_id))
    except ValueError as error:
        raise InfraError(
            f"event id {event_id!r} is no UUID, such as 01a207d2-af60-7778-acfe-3c162013e493. The column event_id of "
            "analytics.events, .errors, .spans, .metrics and .logs has them."
        ) from error
    decoder = EventDecoder(registry, keys)
    rows = tables.stored(client, event_id)
    if not rows:
        yield from _unstored(where, client, decoder, event_id)
        return
    event = rows[0]
    yield f"event {event_id}: {event.kind}, project {event.project}"
    yield f"edge    occurred {_time(event.occurred_at)}, received {_time(event.received_at)}"
    raw = read(where.brokers, decoder, raw_topic(event.kind, event.generation), event.partition, event.raw_offset)
    place = f"{raw_topic(event.kind, event.generation)} partition {event.partition} offset {event.raw_offset}"
    yield f"raw     {place}" + ("" if raw else ": no longer there, its retention is over")
    clean = read(where.brokers, decoder, clean_topic(event.kind, event.generation), event.partition, event.clean_offset)
    if raw and clean:
        yield from _gate(raw, clean)
    place = f"{clean_topic(event.kind, event.generation)} partition {event.partition} offset {event.clean_offset}"
    yield f"clean   {place}" + ("" if clean else ": no longer there, its retention is over")
    waited = (event.inserted_at - event.received_at).total_seconds()
    yield f"row     tidegate.events_{event.kind}, written {_time(event.inserted_at)}, {waited:.1f} s after receipt"
    if len(rows) > 1:
        yield f"WRONG   {len(rows)} rows where one is due"
    for counted in tables.counted_in(client, event, event_id):
        yield f"counted tidegate.{counted.table}: {_shown(counted.row)}"


def _gate(raw: Record, clean: Record) -> Iterator[str]:
    if raw.stays_sealed:
        yield "gate    what it changed can't be told here: the raw record is sealed, and keys/ has no key that opens it"
        return
    changed, same = changes(raw.kind, raw.event, clean.event)
    yield f"gate    kept as they came: {', '.join(same)}"
    for change in changed:
        yield f"        {change.field} ({change.privacy}): {change.became}"


def _unstored(where: Addresses, client: Client, decoder: EventDecoder, event_id: str) -> Iterator[str]:
    yield f"event {event_id}: no row in ClickHouse; looking through the raw topics"
    found = find(where.brokers, decoder, event_id)
    if not found:
        yield "raw     no record with this id: it never came, came under another id, or its retention is over"
    for record in found:
        yield f"raw     {record.topic} partition {record.partition} offset {record.offset}"
        letter = tables.dead_letter_of(client, record.topic, record.partition, record.offset)
        if letter is not None:
            yield f"gate    refused as {letter['reason']}: {letter['detail']} (sealed in tidegate.dead_letters)"
        else:
            yield "gate    no row and no dead letter yet: under way, or dropped (analytics.ledger counts by reason)"


def _shown(row: Mapping[str, Any]) -> str:
    if not row:
        return "no row: not counted there, or its flush is under way"
    values = {name: value for name, value in row.items() if name != "final" and value not in ("", None)}
    text = ", ".join(f"{name} {_plain(value)}" for name, value in values.items())
    return text + ("" if row.get("final") else " (may still change)")


def _plain(value: Any) -> str:
    return _time(value) if hasattr(value, "isoformat") else f"{value:g}" if isinstance(value, float) else str(value)


def _time(value: Any) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S}.{value.microsecond // 1000:03}Z"
