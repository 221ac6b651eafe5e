"""Every query against the real engine, with planted rows."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tidegate_dashboards import grafana
from tidegate_dashboards.catalogue import Query, load
from tidegate_dashboards.ranges import RANGES, TimeRange
from tidegate_dashboards.reader import Reader
from tidegate_dashboards.sample import TABLES, Sample, buckets_of, insert

pytestmark = pytest.mark.clickhouse


def now() -> datetime:
    return datetime.now(UTC)


def values(project: str, choice: TimeRange = RANGES[0]) -> dict[str, str]:
    return {"project": project, **choice.span(now()).parameters()}


def plant(writer: httpx.Client, project: str, minutes: int = 20) -> None:
    for table in TABLES:
        insert(writer, table, Sample(project).rows(table, now() - timedelta(minutes=minutes), now()))


def window(project: str, at: datetime, **columns: Any) -> dict[str, Any]:
    common = {"window_start": int(at.timestamp()) // 10 * 10, "project": project, "service": "shop", "version": 1}
    return {**common, "source_topic": "clean.span", "route": "/run", "method": "POST", **columns}


def span(project: str, trace: str) -> dict[str, Any]:
    at = int(now().timestamp()) - 60
    timed = {"occurred_at": at, "received_at": at, "duration_seconds": 0.2}
    return {"event_id": str(uuid4()), "project": project, "operation": "request", "trace_id": trace, **timed}


@pytest.mark.parametrize("choice", RANGES, ids=lambda choice: choice.key)
async def test_every_query_answers_in_every_range(
    reader: Reader, writer: httpx.Client, project: str, choice: TimeRange
) -> None:
    plant(writer, project)

    for name, query in load().items():
        rows = await reader.rows(query, values(project, choice))
        assert rows.columns, name
        assert len(rows) or name in ("first_event", "erasures"), name


async def test_every_query_answers_when_there_is_nothing(reader: Reader, project: str) -> None:
    for name, query in load().items():
        rows = await reader.rows(query, values(project))
        assert sum(row.get("ran", 0) for row in rows) == 0, name


async def test_error_rates_add_partitions_up(reader: Reader, writer: httpx.Client, project: str) -> None:
    at = now() - timedelta(minutes=2)
    rows = [
        window(project, at, requests=30, server_errors=3, client_errors=1, source_partition=0),
        window(project, at, requests=10, server_errors=1, client_errors=0, source_partition=1),
    ]
    insert(writer, "error_rates", rows)

    (found,) = await reader.rows(load()["error_rate"], values(project))

    assert (found["total"], found["failed"], found["refused"]) == (40, 4, 1)
    assert found["error_rate"] == pytest.approx(0.1)


async def test_a_newer_row_replaces_the_older_one(reader: Reader, writer: httpx.Client, project: str) -> None:
    at = now() - timedelta(minutes=2)
    insert(writer, "error_rates", [window(project, at, requests=30, version=5)])
    insert(writer, "error_rates", [window(project, at, requests=31, version=6)])
    insert(writer, "error_rates", [window(project, at, requests=30, version=5)])

    (found,) = await reader.rows(load()["requests"], values(project))

    assert found["requests"] == 31


async def test_percentiles_are_within_one_percent_over_merged_windows(
    reader: Reader, writer: httpx.Client, project: str
) -> None:
    rows = []
    for number, seconds in enumerate((0.010, 0.100, 1.000)):
        keys, counts = buckets_of(seconds, 100, spread=0)
        at = now() - timedelta(minutes=2 + number)
        rows.append(window(project, at, operation="request", count=100, buckets=keys, bucket_counts=counts))
    insert(writer, "latencies", rows)

    (found,) = await reader.rows(load()["summary"], values(project))

    assert found["requests"] == 300
    assert found["p50"] == pytest.approx(0.100, rel=0.01)
    assert found["p95"] == pytest.approx(1.000, rel=0.01)


async def test_an_endpoint_that_was_only_counted_has_no_percentiles(
    reader: Reader, writer: httpx.Client, project: str
) -> None:
    insert(writer, "error_rates", [window(project, now(), requests=3)])

    (found,) = await reader.rows(load()["endpoints"], values(project))

    assert (found["requests"], found["p50"], found["p99"]) == (3, None, None)


async def test_a_project_sees_its_own_rows_only(reader: Reader, writer: httpx.Client, project: str) -> None:
    insert(writer, "error_rates", [window("another-" + project, now(), requests=3)])

    assert len(await reader.rows(load()["requests"], values(project))) == 0


async def test_a_parameter_never_becomes_part_of_the_statement(reader: Reader) -> None:
    evil = "' OR 1 = 1 --"

    assert len(await reader.rows(load()["requests"], values(evil))) == 0


@pytest.mark.parametrize("panel", grafana.PANELS, ids=lambda panel: panel.title)
async def test_every_grafana_panel_has_rows(
    reader: Reader, writer: httpx.Client, project: str, panel: grafana.Panel
) -> None:
    plant(writer, project)
    insert(writer, "events_span", [span(project, trace := "7" * 32)])
    decided = {"decision_id": str(uuid4()), "decision": "granted", "decided_at": now().timestamp(), "version": 1}
    insert(writer, "consents", [{"project": project, **decided}])
    source = load("tidegate_dashboards.grafana.queries")[panel.query]
    variables = {"project": project, "trace": trace}
    sql = grafana.expand(source.sql, now() - timedelta(minutes=15), now(), 60, variables)

    rows = await reader.rows(Query(panel.query, "", sql, {}), {})

    assert len(rows) > 0
    if panel.kind == "timeseries":
        assert rows.columns[0] == "time"
        times = [row[0] for row in rows.values]
        assert times == sorted(times)


async def test_the_variable_of_the_grafana_dashboard_lists_projects(
    reader: Reader, writer: httpx.Client, project: str
) -> None:
    insert(writer, "error_rates", [window(project, now(), requests=3)])
    query = load("tidegate_dashboards.grafana.queries")["projects"]

    assert [project] in (await reader.rows(query, {})).values
