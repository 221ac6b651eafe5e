"""Rows of ClickHouse that an event became or is counted in. The statements are in queries/."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any

from clickhouse_connect.driver.client import Client

from tidegate_schemas.subjects import Kind
from tidegate_schemas.topics import clean_topic

__all__ = ["Counted", "Stored", "counted_in", "dead_letter_of", "stored"]

_WINDOWS: Mapping[Kind, tuple[str, ...]] = {
    "track": ("sessions", "activity", "usage", "identities"),
    "error": ("error_rates",),
    "span": ("error_rates", "latencies"),
    "metric": ("metric_windows",),
    "log": (),
    "health": ("release_health",),
}


@dataclass(frozen=True)
class Stored:
    """An event's row: where its records are in Kafka, and when it was written."""

    kind: Kind
    project: str
    generation: int
    partition: int
    raw_offset: int
    clean_offset: int
    occurred_at: datetime
    received_at: datetime
    inserted_at: datetime


@dataclass(frozen=True)
class Counted:
    """A row of a window that holds the event; empty `row` if there is none."""

    table: str
    row: Mapping[str, Any]


def stored(client: Client, event_id: str) -> list[Stored]:
    """Rows of the event; more than one only if its clean record was doubled, which must not happen."""
    return [Stored(**row) for row in _rows(client, "stored", {"event_id": event_id})]


def counted_in(client: Client, event: Stored, event_id: str) -> list[Counted]:
    """Rows of the windows that the event is counted in, a table at a time."""
    found: list[Counted] = []
    for table in _WINDOWS[event.kind]:
        parameters = {"event_id": event_id, "topic": clean_topic(event.kind, event.generation)}
        rows = _rows(client, f"{event.kind}_{table}", parameters)
        found.extend(Counted(table, row) for row in rows or [{}])
    return found


def dead_letter_of(client: Client, source: str, partition: int, offset: int) -> Mapping[str, Any] | None:
    """Reason and detail of the dead letter that a raw record became."""
    rows = _rows(client, "dead_letter", {"source": source, "partition": partition, "offset": offset})
    return rows[0] if rows else None


def _rows(client: Client, name: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    text = files("tidegate_infra.trace").joinpath("queries", f"{name}.sql").read_text(encoding="utf-8")
    return list(client.query(text, parameters=dict(parameters)).named_results())
