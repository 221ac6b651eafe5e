"""The writer and a ClickHouse that goes away, comes back, or refuses what one sender said."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl
import pytest
from clickhouse_connect.driver.client import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidegate_infra.addresses import ClickHouseAddress
from tidegate_infra.clickhouse import fixture
from tidegate_sinks import migrate
from tidegate_sinks.clickhouse import Address, connect
from tidegate_sinks.errors import WriteFailedError
from tidegate_sinks.tables import tables
from tidegate_sinks.writer import ClickHouseWriter

pytestmark = pytest.mark.clickhouse
NOW = datetime.now(UTC)


def events(project: str, texts: list[str]) -> pl.DataFrame:
    number = len(texts)
    return pl.DataFrame(
        {
            "project": [project] * number,
            "name": ["n"] * number,
            "occurred_at": [NOW] * number,
            "received_at": [NOW] * number,
            "properties": texts,
            "clean_offset": range(number),
            "version": pl.Series(range(number), dtype=pl.UInt64),
        }
    )


@pytest.fixture
def client(clickhouse: ClickHouseAddress) -> Client:
    client = connect(Address(clickhouse.url, "writer", clickhouse.writer_password))
    migrate.apply(client)
    return client


def stored(client: Client, project: str) -> list[Any]:
    sql = (
        "SELECT toJSONString(properties) FROM tidegate.events_track FINAL "
        "WHERE project = {project:String} ORDER BY clean_offset"
    )
    return [json.loads(row[0]) for row in client.query(sql, parameters={"project": project}).result_rows]


async def test_a_write_waits_for_a_clickhouse_that_was_killed_and_comes_back(tmp_path: Path) -> None:
    first = fixture.launch(tmp_path)
    client = connect(Address(first.url, "writer", first.writer_password))
    migrate.apply(client)
    writer = ClickHouseWriter(client, deadline_seconds=60)
    await writer.upsert("events_track", events("p", ["{}"]))
    first.process.kill()
    first.process.wait()
    waiting = asyncio.create_task(writer.upsert("events_track", events("p", ['{"a":1}', '{"a":2}'])))
    second = await asyncio.to_thread(fixture.launch, tmp_path, first.port, first.writer_password)
    try:
        await waiting
        assert stored(client, "p") == [{"a": 1}, {"a": 2}]
    finally:
        second.process.kill()
        second.process.wait()


async def test_a_write_gives_up_at_its_deadline_and_says_so(tmp_path: Path) -> None:
    running = fixture.launch(tmp_path)
    client = connect(Address(running.url, "writer", running.writer_password))
    migrate.apply(client)
    running.process.kill()
    running.process.wait()
    writer = ClickHouseWriter(client, deadline_seconds=0.3, first_pause_seconds=0.1)
    with pytest.raises(WriteFailedError, match=r"1 rows for table usage were not written after [2-9] attempts"):
        await writer.upsert("usage", pl.DataFrame({"project": ["p"]}))


async def test_a_refused_row_is_not_tried_again_and_names_its_table(client: Client) -> None:
    writer = ClickHouseWriter(client)
    with pytest.raises(WriteFailedError, match="for table usage were not written after 1 attempts"):
        await writer.upsert("usage", pl.DataFrame({"project": ["p"], "window_start": ["no time"]}))


async def test_one_senders_colliding_paths_do_not_hold_up_the_others(client: Client) -> None:
    texts = ['{"n":1}', '{"a.b":1,"a":{"b":2}}', '{"n":3}']
    await ClickHouseWriter(client).upsert("events_track", events("colliding", texts))
    assert stored(client, "colliding") == [{"n": 1}, {"a": {"b": 2}}, {"n": 3}]


KEYS = st.sampled_from(["a", "b", "a.b", "a.a", "b.a", "a.b.a", "", ".", "a.", ".b"]) | st.text(max_size=3)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(KEYS, VALUES, max_size=5), min_size=1, max_size=30))
def test_any_json_object_can_be_inserted_and_read_by_the_client(client: Client, objects: list[dict[str, Any]]) -> None:
    project = str(uuid4())
    texts = [json.dumps(each, sort_keys=True, ensure_ascii=False) for each in objects]
    utf8 = [text.encode("utf-8", "replace").decode() for text in texts]
    asyncio.run(ClickHouseWriter(client).upsert("events_track", events(project, utf8)))
    read = client.query(
        "SELECT properties FROM tidegate.events_track FINAL WHERE project = {project:String}",
        parameters={"project": project},
    )
    assert len(read.result_rows) == len(objects)


def test_the_tables_of_the_migrations_are_those_of_the_engine(client: Client) -> None:
    columns = client.query(
        "SELECT table, groupArray((name, type)) FROM "
        "(SELECT * FROM system.columns WHERE database = 'tidegate' AND table != 'migrations' "
        "AND table NOT LIKE 'properties_of_%' ORDER BY table, position) "
        "GROUP BY table"
    )
    assert {table: dict(pairs) for table, pairs in columns.result_rows} == {
        name: dict(table.columns) for name, table in tables().items()
    }
    keys = client.query(
        "SELECT name, sorting_key FROM system.tables WHERE database = 'tidegate' AND name != 'migrations' "
        "AND engine != 'MaterializedView'"
    )
    assert {name: tuple(key.split(", ")) for name, key in keys.result_rows} == {
        name: table.sort_key for name, table in tables().items()
    }
