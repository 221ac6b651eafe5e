"""The SQL contract on the real engine: persons, percentiles, incarnations, and a comment on every column."""

import json
import math
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from clickhouse_connect.driver.client import Client

from tidegate_infra.addresses import ClickHouseAddress
from tidegate_sinks import migrate
from tidegate_sinks.clickhouse import Address, connect
from tidegate_sinks.contract import render

pytestmark = pytest.mark.clickhouse
# Yesterday: ClickHouse drops rows that are past their table's TTL as they come.
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)


@pytest.fixture(scope="module")
def client(tables: ClickHouseAddress) -> Client:
    return connect(Address(tables.url, "writer", tables.writer_password))


def insert(client: Client, table: str, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        client.insert(f"tidegate.{table}", [list(row.values())], column_names=list(row))


def activity(project: str, visitor: str, user: str, offset: int) -> dict[str, Any]:
    return {
        "window_start": NOON,
        "project": project,
        "visitor": visitor,
        "user": user,
        "events": 1.0,
        "source_topic": "clean.track",
        "first_offset": offset,
        "version": offset,
    }


def link(project: str, visitor: str, user: str, minute: int) -> dict[str, Any]:
    at = NOON + timedelta(minutes=minute)
    return {
        "project": project,
        "visitor": visitor,
        "user": user,
        "first_seen": at,
        "first_offset": minute,
        "version": 1,
    }


def persons(client: Client, project: str) -> int:
    parameters = {"project": project}
    answer = client.query(
        "SELECT sum(users) FROM analytics.dau WHERE project = {project:String}", parameters=parameters
    )
    return int(answer.result_rows[0][0])


def test_anonymous_then_registered_then_on_a_second_device_is_one_person(client: Client) -> None:
    insert(
        client, "activity", [activity("p1", "d1", "", 1), activity("p1", "d1", "u1", 2), activity("p1", "d2", "u1", 3)]
    )
    insert(client, "identities", [link("p1", "d1", "u1", 1), link("p1", "d2", "u1", 2)])
    assert persons(client, "p1") == 1


def test_a_second_user_on_one_device_is_a_second_person(client: Client) -> None:
    insert(client, "activity", [activity("p2", "d1", "u1", 1), activity("p2", "d1", "u2", 2)])
    insert(client, "identities", [link("p2", "d1", "u1", 1), link("p2", "d1", "u2", 2)])
    assert persons(client, "p2") == 2


def test_visits_before_the_first_log_in_belong_to_the_first_user(client: Client) -> None:
    insert(client, "activity", [activity("p3", "d1", "", 1)])
    insert(client, "identities", [link("p3", "d1", "late", 9), link("p3", "d1", "early", 3)])
    answer = client.query("SELECT DISTINCT person FROM analytics.activity WHERE project = 'p3'")
    assert answer.result_rows == [("early",)]


def test_incarnations_partitions_and_topics_add_up(client: Client) -> None:
    common = {"window_start": NOON, "project": "p4", "service": "s", "method": "GET", "route": "/"}
    rows = [
        {
            **common,
            "requests": 100.0,
            "server_errors": 4.0,
            "source_topic": "clean.span",
            "first_offset": 1,
            "version": 5,
        },
        {
            **common,
            "requests": 1.0,
            "server_errors": 1.0,
            "source_topic": "clean.span",
            "first_offset": 9,
            "version": 9,
        },
        {**common, "exceptions": 5.0, "source_topic": "clean.error", "first_offset": 1, "version": 1},
    ]
    insert(client, "error_rates", rows)
    sql = "SELECT requests, server_errors, exceptions FROM analytics.endpoint_errors WHERE project = 'p4'"
    assert client.query(sql).result_rows == [(101.0, 5.0, 5.0)]


def test_percentiles_merge_within_one_percent_over_windows(client: Client) -> None:
    seconds = [0.001 * 1.17**index for index in range(60)]
    gamma = 1.01 / 0.99
    for number in range(6):
        part = seconds[number::6]
        buckets = [math.ceil(math.log(value) / math.log(gamma)) for value in part]
        row = {
            "window_start": NOON + timedelta(seconds=10 * number),
            "project": "p5",
            "operation": "request",
            "route": "/",
            "count": float(len(part)),
            "buckets": buckets,
            "bucket_counts": [1.0] * len(part),
            "source_topic": "clean.span",
            "first_offset": number,
            "version": 1,
        }
        insert(client, "latencies", [row])
    ((p50, p95, p99),) = client.query(
        "SELECT p50_seconds, p95_seconds, p99_seconds FROM analytics.endpoint_latency WHERE project = 'p5'"
    ).result_rows
    exact = [seconds[math.ceil(share * len(seconds)) - 1] for share in (0.5, 0.95, 0.99)]
    assert [p50, p95, p99] == pytest.approx(exact, rel=0.0101)


def test_a_latency_leads_to_the_trace_of_the_slowest_whatever_rows_it_is_made_of(client: Client) -> None:
    named = [(0.5, "a" * 32), (2.0, "c" * 32), (2.0, "b" * 32), (0.0, "")]
    common = {"project": "p5x", "operation": "request", "route": "/", "count": 1.0, "max_seconds": 9.0, "version": 1}
    for number, (seconds, trace) in enumerate(named):
        exemplar = {"exemplar_seconds": seconds, "exemplar_trace_id": trace}
        at = {"window_start": NOON + timedelta(seconds=10 * (number // 2)), "source_partition": number % 2}
        insert(client, "latencies", [{**common, **at, **exemplar}])
    sql = "SELECT exemplar_seconds, exemplar_trace_id FROM analytics.{} WHERE project = 'p5x' ORDER BY 2"
    assert client.query(sql.format("endpoint_latency")).result_rows == [(2.0, "c" * 32)]
    assert client.query(sql.format("latencies")).result_rows == [(2.0, "b" * 32), (2.0, "c" * 32)]


def test_numbers_in_properties_stay_numbers(client: Client) -> None:
    row = {
        "event_id": "018f0000-0000-7000-8000-000000000001",
        "project": "p6",
        "name": "bought",
        "occurred_at": NOON,
        "received_at": NOON,
        "properties": '{"price":12.5,"items":{"count":3}}',
        "version": 1,
    }
    client.command(
        "INSERT INTO tidegate.events_track (event_id, project, name, occurred_at, received_at, properties, version) "
        "VALUES ({id:UUID}, 'p6', 'bought', {at:DateTime64(6)}, {at:DateTime64(6)}, {properties:String}, 1)",
        parameters={"id": row["event_id"], "at": NOON.replace(tzinfo=None), "properties": row["properties"]},
    )
    sql = "SELECT properties.price.:Float64, properties.items.count.:Int64 FROM analytics.events WHERE project = 'p6'"
    assert client.query(sql).result_rows == [(12.5, 3)]


def rate(project: str, minutes_ago: int, requests: int, failed: int) -> dict[str, Any]:
    at = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=minutes_ago)
    return {
        "window_start": at,
        "project": project,
        "route": "/",
        "method": "GET",
        "requests": float(requests),
        "server_errors": float(failed),
        "source_topic": "clean.span",
        "first_offset": minutes_ago,
        "version": 1,
    }


HEALTHY = [(minute, 30, 0) for minute in range(9, 40)]


@pytest.mark.parametrize(
    ("name", "recent", "state", "since_minutes_ago"),
    [
        ("ok", [(minute, 30, 0) for minute in range(9)], "ok", 39),
        ("down", [(minute, 30, 30) for minute in range(9)], "down", 6),  # three of five minutes fail from there on
        ("failing", [(minute, 30, 3) for minute in range(9)], "degraded", 6),
        ("worse", [(minute, 30, 3 if minute > 3 else 30) for minute in range(9)], "down", 1),
        ("over", [(8, 30, 30), *((minute, 30, 0) for minute in range(8))], "ok", 3),
        ("gone", [], "no data", 9),
    ],
)
def test_health_says_since_when_an_endpoint_is_in_its_state(
    client: Client, name: str, recent: list[tuple[int, int, int]], state: str, since_minutes_ago: int
) -> None:
    project = f"health-{name}"
    insert(client, "error_rates", [rate(project, *each) for each in [*HEALTHY, *recent]])
    sql = "SELECT state, since, reason FROM analytics.endpoint_health WHERE project = {project:String}"
    ((found, since, _),) = client.query(sql, parameters={"project": project}).result_rows
    now = datetime.now(UTC).replace(tzinfo=None)
    minutes_ago = (now - since.replace(tzinfo=None)).total_seconds() / 60
    assert found == state
    assert minutes_ago == pytest.approx(since_minutes_ago + 0.5, abs=1.6)


def test_errors_count_to_the_session_in_which_they_happened(client: Client) -> None:
    for number, hour in enumerate((0, 3)):
        begin = NOON + timedelta(hours=hour)
        session = {
            "project": "p7",
            "visitor": "v",
            "started_at": begin,
            "ended_at": begin + timedelta(minutes=20),
            "events": 2.0,
            "first_offset": number,
            "version": 1,
        }
        insert(client, "sessions", [session])
    for number, minutes in enumerate((1, 45, 90, 185)):
        at = NOON + timedelta(minutes=minutes)
        error = {"project": "p7", "visitor": "v", "occurred_at": at, "received_at": at, "sample_rate": 0.5}
        insert(client, "events_error", [{**error, "clean_offset": number, "version": number}])
    sql = "SELECT first_offset, errors FROM analytics.sessions WHERE project = 'p7' ORDER BY first_offset"
    assert client.query(sql).result_rows == [(0, 4.0), (1, 2.0)]


def test_migrations_applied_again_change_nothing(client: Client) -> None:
    assert migrate.apply(client) == []


def test_every_column_of_every_table_has_a_comment(client: Client) -> None:
    sql = (
        "SELECT table, name FROM system.columns WHERE database = 'tidegate' AND comment = '' AND table NOT IN "
        "(SELECT name FROM system.tables WHERE database = 'tidegate' AND engine = 'MaterializedView')"
    )
    assert client.query(sql).result_rows == []


def test_every_view_says_what_its_rows_are(client: Client) -> None:
    sql = "SELECT name FROM system.tables WHERE database = 'analytics' AND NOT startsWith(comment, 'One row ')"
    assert client.query(sql).result_rows == []


def test_every_view_answers(client: Client) -> None:
    # A view that takes parameters has no columns.
    found = client.query("SELECT DISTINCT table FROM system.columns WHERE database = 'analytics'").result_rows
    views = [row[0] for row in found]
    assert len(views) > 20
    for view in views:
        client.query("SELECT * FROM analytics.{view:Identifier} LIMIT 1", parameters={"view": view})
    client.query("SELECT * FROM analytics.ledger_entries_since(since = now()) LIMIT 1")


def test_a_replicated_layout_names_engine_and_cluster() -> None:
    layout = migrate.Layout.of_cluster("main")
    statements = [layout.fill(statement) for each in migrate.migrations() for statement in each.statements()]
    tables = [statement for statement in statements if statement.startswith("CREATE TABLE")]
    assert tables
    engine = re.compile("ENGINE = Replicated(Replacing|Aggregating|Summing)MergeTree")
    assert all("ON CLUSTER main" in statement and engine.search(statement) for statement in tables)


def reported(session: str, offset: int, **marks: Any) -> dict[str, Any]:
    row = {"window_start": NOON, "project": "h", "release": "shop@1", "session_or_user": session}
    return {**row, **marks, "source_topic": "clean.health", "first_offset": offset, "version": offset}


def test_a_reported_session_is_one_whatever_rows_it_has(client: Client) -> None:
    rows = [
        reported("s1", 1, init=1, user="u1"),
        reported("s1", 7, crashed=1, errored=1),  # hours later, when the first row had been let go
        reported("s2", 2, init=1, errored=1, user="u1"),
        reported("s3", 3, init=1, abnormal=1, errored=1, user="u2"),
        reported("s4", 4, errored=1),  # its begin is still on its way
        reported("", 5, counted=10, counted_errored=2, counted_crashed=1),
    ]
    insert(client, "release_health", rows)
    columns = "sessions, errored, crashed, abnormal, users, crashed_users, crash_free_sessions, crash_free_users"
    for view in ("release_health", "releases"):
        (found,) = client.query(f"SELECT {columns} FROM analytics.{view} WHERE project = 'h'").result_rows
        assert found == (13, 4, 2, 1, 2, 1, 1 - 2 / 13, 0.5)


def test_the_contract_page_is_current(client: Client) -> None:
    """If it isn't: `python -m tidegate_infra.sql_contract docs/sql-contract.md`."""
    assert Path("docs/sql-contract.md").read_text(encoding="utf-8") == render(client)


def rotated(project: str, former: str, pseudonym: str, minute: int) -> dict[str, Any]:
    return {**link(project, former, pseudonym, minute), "rotated": 1}


def test_a_person_joins_over_epochs_where_consent_linked_them_and_not_otherwise(client: Client) -> None:
    """A device that signed in only in the third epoch, a user of all three, and one whose link was never written."""
    insert(client, "activity", [activity("p4", name, "", at) for at, name in enumerate(("d1", "d2", "d3"), 1)])
    insert(client, "activity", [activity("p4", f"e{at}", f"u{at}", 3 + at) for at in (1, 2, 3)])
    insert(client, "identities", [link("p4", "d3", "u3", 9), *(link("p4", f"e{at}", f"u{at}", at) for at in (1, 2, 3))])
    assert persons(client, "p4") == 5  # the control: d1, d2, and three users
    links = [rotated("p4", f"{kind}{at}", f"{kind}{at + 1}", 3 * at) for kind in "du" for at in (1, 2)]
    insert(client, "identities", links[:-1])
    assert persons(client, "p4") == 2
    insert(client, "identities", links[-1:])
    assert persons(client, "p4") == 1
    found = client.query("SELECT former, pseudonym FROM analytics.rotations WHERE project = 'p4' ORDER BY former")
    assert found.result_rows == [("d1", "d3"), ("d2", "d3"), ("u1", "u3"), ("u2", "u3")]


def test_visitors_without_consent_stay_out_of_a_month_and_are_told_beside_it(client: Client) -> None:
    rows = [activity("p5", name, "", at) for at, name in enumerate(("d1", "day-1", "day-2"), 1)]
    insert(client, "activity", [{**row, "cookieless": int(row["visitor"].startswith("day-"))} for row in rows])
    months = client.query("SELECT users, cookieless_visitors FROM analytics.mau WHERE project = 'p5'").result_rows
    days = client.query("SELECT users, cookieless_visitors FROM analytics.dau WHERE project = 'p5'").result_rows
    assert (months, days) == ([(1, 2)], [(3, 2)])


def event(project: str, number: int, properties: str, name: str = "run") -> dict[str, Any]:
    at = NOON + timedelta(minutes=number % 60)
    own = {"event_id": UUID(int=number), "project": project, "name": name, "occurred_at": at, "received_at": at}
    return {**own, "properties": json.loads(properties), "version": number}


def properties(client: Client, project: str) -> list[tuple[Any, ...]]:
    answer = client.query(
        "SELECT property, types, first_seen, last_seen, approximate_events FROM analytics.properties "
        "WHERE project = {project:String} ORDER BY property",
        parameters={"project": project},
    )
    return [
        (name, types, first.replace(tzinfo=UTC), last.replace(tzinfo=UTC), number)
        for name, types, first, last, number in answer.result_rows
    ]


def test_a_property_is_told_with_its_types_and_times_and_events_that_come_again_count_once(client: Client) -> None:
    rows = [event("props", 0, '{"a":{"b":1}}'), event("props", 1, '{"a":{"b":"x"},"c":[true]}')]
    told = []
    for _ in range(2):  # as after a crash
        insert(client, "events_track", rows)
        told.append(properties(client, "props"))
    assert told[0] == told[1]
    later = NOON + timedelta(minutes=1)
    assert told[0] == [("a.b", ["number", "text"], NOON, later, 2), ("c", ["list"], later, later, 1)]


def test_names_made_of_ids_stop_at_a_cap_and_those_that_were_known_go_on(client: Client) -> None:
    """The engine itself is slow with thousands of names in one column, so these are names of events."""
    insert_all = (
        "INSERT INTO tidegate.events_track (event_id, project, name, occurred_at, received_at, properties, version) "
        "SELECT reinterpretAsUUID(number), 'many', concat('run ', toString(number)), {at:DateTime}, {at:DateTime}, "
        "'{\"a\":1}', number FROM numbers(5200)"
    )
    for _ in range(2):
        client.command(insert_all, parameters={"at": NOON})
        answer = client.query(
            "SELECT count(), countIf(event != '(other)'), max(approximate_events) FROM analytics.properties "
            "WHERE project = 'many'"
        )
        [(count, named, others)] = answer.result_rows
        assert (count, named) == (5_001, 5_000)
        assert 190 <= others <= 210
