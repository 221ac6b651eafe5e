"""Decisions from the topic to the rate of consent, on the real engine."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from tidegate_infra.addresses import ClickHouseAddress
from tidegate_schemas.columns import ColumnCodec
from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.subjects import consent_schema
from tidegate_sinks.clickhouse import Address, connect
from tidegate_sinks.writer import ClickHouseWriter
from tidegate_stream.archive import record_rows

pytestmark = pytest.mark.clickhouse
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)


def consent(number: int, decision: str, pseudonym: str = "a" * 32, *purposes: str) -> dict[str, Any]:
    return {
        "decision_id": derived_event_id("decision", str(number)),
        "project": "consenting",
        "pseudonym": pseudonym,
        "decision": decision,
        "consent_version": "3",
        "purposes": list(purposes),
        "decided_at": NOON,
        "received_at": NOON,
        "erase": False,
        "producer_id": "sdk:1",
    }


def nameless(number: int, said: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "event_id": derived_event_id("nameless", str(number)),
        "project": "consenting",
        "name": "consent",
        "type": "track",
        "occurred_at": NOON,
        "received_at": NOON,
        "consent": "anonymous",
        "properties": json.dumps(said),
        "version": number,
        **fields,
    }


def test_the_rate_of_consent_counts_each_decision_once_whoever_it_names(tables: ClickHouseAddress) -> None:
    client = connect(Address(tables.url, "writer", tables.writer_password))
    told = [
        consent(1, "granted"),
        consent(1, "granted", "b" * 32),  # of the same decision: user and device
        consent(2, "granted", "c" * 32, "analytics", "errors"),
        consent(3, "denied", "d" * 32),
        consent(4, "withdrawn"),
    ]
    codec = ColumnCodec(consent_schema())
    frame = codec.decode(codec.encode(pl.DataFrame(told))).frame.drop("_index").with_row_index("_offset")
    versioned = record_rows(frame.with_columns(version=pl.col("_offset").cast(pl.UInt64)))
    rows = versioned.with_columns(source_partition=pl.lit(0, pl.UInt16))
    for _ in range(2):  # written again, as after a crash
        asyncio.run(ClickHouseWriter(client).upsert("consents", rows))
    events = [
        nameless(1, {"state": "denied", "version": "3", "purposes": None}),
        nameless(2, {"state": "denied", "version": "3"}),
        nameless(3, {"state": "anonymous", "version": "3", "purposes": ["analytics"]}),
        nameless(4, {"state": "granted", "version": "3"}, consent="granted", visitor="a" * 32),
        nameless(5, {"plan": "an event of somebody's own that is called so, too"}),
    ]
    for row in events:
        client.insert("tidegate.events_track", [list(row.values())], column_names=list(row))
    answer = client.query(
        "SELECT day, purpose, consent_version, granted, anonymous, denied, withdrawn, consent_rate "
        "FROM analytics.consents WHERE project = 'consenting' ORDER BY purpose"
    )
    day = NOON.date()
    assert answer.result_rows == [
        (day, "analytics", "3", 1, 1, 0, 0, 0.5),
        (day, "errors", "3", 1, 0, 0, 0, 1.0),
        (day, "everything", "3", 1, 0, 3, 1, 0.25),
    ]
