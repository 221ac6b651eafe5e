"""The sample of stored texts that a stronger detector is shown, on a real engine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tidegate_infra.addresses import ClickHouseAddress
from tidegate_infra.privacy.detect.texts import COLUMNS, Place, sampled
from tidegate_sinks.clickhouse import Address, connect
from tidegate_sinks.tables import tables as known_tables

pytestmark = pytest.mark.clickhouse
NOW = datetime.now(UTC)


def test_a_sample_is_of_the_project_and_time_and_of_nothing_erased(tables: ClickHouseAddress) -> None:
    client, project = connect(Address(tables.url, "writer", tables.writer_password)), f"p-{uuid4().hex[:8]}"
    notes = (
        ("first note", project, 1, "granted"),
        ("second note", project, 2, "unknown"),
        ("an older note", project, 9, "granted"),
        ("an erased note", project, 1, "erased"),
        ("a note of others", "other", 1, "granted"),
    )
    for offset, (said, of, ago, consent) in enumerate(notes):
        at = NOW - timedelta(days=ago)
        row = {"project": of, "received_at": at, "consent": consent, "version": offset}
        for table, column in (("events_log", "body"), ("events_track", "properties")):
            value = said if column == "body" else {"order": {"note": said}, "price": 3}
            columns = {**row, "event_id": uuid4(), column: value}
            client.insert(f"tidegate.{table}", [list(columns.values())], column_names=list(columns))
    texts = sampled(client, project, NOW - timedelta(days=7), 100)
    note, body = Place("events_track", "properties", "order.note"), Place("events_log", "body", "")
    assert texts == {(place, text): 1 for place in (note, body) for text in ("first note", "second note")}
    assert sum(sampled(client, project, NOW - timedelta(days=7), 1).values()) == 2, "one event of each kind"


def test_every_column_that_is_looked_at_is_there() -> None:
    for table, columns in COLUMNS.items():
        assert set(columns) <= set(known_tables()[table].columns)
