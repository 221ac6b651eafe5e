"""`tidegate privacy report` on a real broker and engine: what is younger passes, what is older is named, and goes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from confluent_kafka import Producer
from tests.waiting import wait_until

from tidegate_infra.addresses import ClickHouseAddress
from tidegate_infra.broker.replicas import admin_client
from tidegate_infra.broker.retention import align, configs_of
from tidegate_infra.broker.topics import Topic, create_topics
from tidegate_infra.keys import ensure_keys
from tidegate_infra.privacy.retention.kafka import found_topics
from tidegate_infra.privacy.retention.record import Record, measure
from tidegate_infra.privacy.retention.report import as_json, as_markdown
from tidegate_infra.privacy.retention.stored import apply_retention, found_tables
from tidegate_infra.privacy.retention.tables import TABLES
from tidegate_infra.settings import Settings
from tidegate_sinks.clickhouse import Address, connect

pytestmark = [pytest.mark.broker, pytest.mark.clickhouse]
NOW = datetime.now(UTC)
OLD = "raw.error.g9"


@pytest.fixture
def client(tables: ClickHouseAddress) -> Client:
    return connect(Address(tables.url, "writer", tables.writer_password))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path, salts_dir=tmp_path / "salts")
    ensure_keys(settings)
    return settings


@pytest.fixture
def old_topic(broker: str) -> Iterator[str]:
    create_topics(broker, [Topic(OLD, 1, {"retention.ms": "864000000", "segment.ms": "3600000"})])
    producer = Producer({"bootstrap.servers": broker})
    producer.produce(OLD, b"an event", partition=0, timestamp=int((NOW - timedelta(days=3)).timestamp() * 1000))
    assert producer.flush(30) == 0
    yield OLD
    admin = admin_client(broker)
    admin.delete_topics([OLD])[OLD].result(30)


def test_every_table_has_the_ttl_of_its_policy(client: Client) -> None:
    found = {table.name: table.days for table in found_tables(client, TABLES) if table.name in TABLES}
    assert found == {name: policy.days for name, policy in TABLES.items()}


def test_what_breaks_a_policy_is_named(client: Client, broker: str, settings: Settings, old_topic: str) -> None:
    def record(at: datetime) -> Record:
        return measure(settings, client, broker, at)

    client.command("CREATE TABLE tidegate.copies (a UInt8) ENGINE = MergeTree ORDER BY a")
    client.command("ALTER TABLE tidegate.outcomes REMOVE TTL")
    client.command("INSERT INTO tidegate.outcomes (project, minute) VALUES ('old', now() - INTERVAL 95 DAY)")
    try:
        found = record(NOW).findings
        assert "table tidegate.copies has no policy: nobody has said how long it keeps rows, and why" in found
        assert "table tidegate.outcomes is set to no TTL, and its policy is 90 days" in found
        assert f"topic {old_topic} is set to delete, 10 days, and its policy is 12 h" in found
        assert any(each.startswith(f"topic {old_topic} holds records older than its policy") for each in found)
        rows = "table tidegate.outcomes holds "
        assert not any(each.startswith(rows) for each in found), "a merge has had no time to take them out"
        assert any(each.startswith(rows) for each in record(NOW + timedelta(days=3)).findings)
    finally:
        client.command("DROP TABLE tidegate.copies")
        assert apply_retention(client, TABLES, {}) == ["outcomes"]
    left = "SELECT count() FROM tidegate.outcomes WHERE project = 'old'"
    wait_until(lambda: client.command(left) == 0, 30, "rows are still there though their time is over")
    assert not any("tidegate." in each for each in record(NOW).findings)


def test_what_is_kept_for_less_goes_at_once(client: Client) -> None:
    client.command("INSERT INTO tidegate.outcomes (project, minute) VALUES ('young', now() - INTERVAL 3 DAY)")
    assert apply_retention(client, TABLES, {"outcomes": 2}) == ["outcomes"]
    try:
        left = "SELECT count() FROM tidegate.outcomes WHERE project = 'young'"
        wait_until(lambda: client.command(left) == 0, 30, "rows are still there though their time is over")
        assert apply_retention(client, TABLES, {"outcomes": 2}) == []
    finally:
        apply_retention(client, TABLES, {})


def test_topics_that_exist_are_brought_to_what_the_settings_say(broker: str, old_topic: str) -> None:
    wanted = [Topic(old_topic, 1, {"retention.ms": "7200000", "segment.ms": "3600000"})]
    assert align(broker, wanted) == [old_topic]
    assert align(broker, wanted) == []
    assert configs_of(broker, [old_topic])[old_topic]["retention.ms"] == "7200000"
    found = {topic.name: topic for topic in found_topics(broker)}[old_topic]
    assert found.records == 1
    assert found.oldest is not None
    assert abs(found.oldest - (NOW - timedelta(days=3))) < timedelta(seconds=1)


def test_the_record_says_what_is_where_and_since_when(client: Client, broker: str, settings: Settings) -> None:
    record = measure(settings, client, broker, NOW)
    told = "\n".join(as_markdown(record))
    for part in (
        "`tidegate.events_track`",
        "`raw.track`",
        f"salts: {settings.salts_folder}",
        "browser: ",
        "| 730 days from received_at |",
        "| delete, 12 h |",
        "  - legal obligation: ",
    ):
        assert part in told
    assert told.index("## Findings") < told.index("## ClickHouse"), "what is wrong comes first"
    assert '"kept_days": 730' in as_json(record)
