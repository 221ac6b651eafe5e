"""Downloads against the real engine: the same rows as the query, as CSV and as Parquet."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import polars as pl
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from tidegate_dashboards.catalogue import load
from tidegate_dashboards.clock import ManualClock
from tidegate_dashboards.exports import Exports, without_few
from tidegate_dashboards.metrics import DashboardMetrics
from tidegate_dashboards.ranges import RANGES
from tidegate_dashboards.reader import Reader
from tidegate_dashboards.sample import TABLES, Sample, insert

pytestmark = pytest.mark.clickhouse
NOW = datetime.now(UTC)


@pytest.fixture
async def http(reader: Reader) -> AsyncIterator[httpx.AsyncClient]:
    async with downloads(reader, minimum_subjects=0) as client:
        yield client


def downloads(reader: Reader, minimum_subjects: int) -> httpx.AsyncClient:
    exports = Exports(reader, load(), ManualClock(NOW), DashboardMetrics(), minimum_subjects)
    app = Starlette(routes=[Route("/export/{query}.{suffix}", exports.download)])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://dashboard")


@pytest.fixture
def planted(writer: httpx.Client, project: str) -> str:
    for table in TABLES:
        insert(writer, table, Sample(project).rows(table, NOW - timedelta(minutes=5), NOW))
    return project


@pytest.mark.parametrize("name", [name for name in load() if name not in ("first_event", "erasures")])
async def test_files_hold_the_rows_of_the_query(
    http: httpx.AsyncClient, reader: Reader, planted: str, name: str
) -> None:
    values = {"project": planted, **RANGES[0].span(NOW).parameters()}
    expected = await reader.rows(without_few(load()[name], 5), values)

    as_csv = await http.get(f"/export/{name}.csv", params={"project": planted, "range": "15m"})
    as_parquet = await http.get(f"/export/{name}.parquet", params={"project": planted, "range": "15m"})

    header, *lines = csv.reader(io.StringIO(as_csv.text))
    frame = pl.read_parquet(as_parquet.content)
    assert header == frame.columns == list(expected.columns)
    assert len(lines) == frame.height == len(expected) > 0
    for index, column in enumerate(expected.columns):
        for line, row in zip(lines, expected.values, strict=True):
            same(line[index], row[index], column)
        if frame[column].dtype.is_numeric():
            wanted = [row[index] for row in expected.values]
            assert frame[column].to_list() == pytest.approx(wanted, nan_ok=True), column


def same(text: str, value: object, column: str) -> None:
    if value is None:
        assert text in (r"\N", "nan"), column
    elif isinstance(value, int | float):
        assert float(text) == pytest.approx(value), column
    else:
        assert text == value, column


async def test_a_file_is_an_attachment_with_a_telling_name(http: httpx.AsyncClient, planted: str) -> None:
    answer = await http.get("/export/latency.csv", params={"project": planted, "range": "1h"})

    disposition = answer.headers["content-disposition"]
    assert disposition == f'attachment; filename="tidegate-latency-{planted}-1h-{NOW:%Y%m%dT%H%M%SZ}.csv"'
    assert answer.headers["content-type"].startswith("text/csv")


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/export/nope.csv", 404, "no chart 'nope'; there are: agent_runs"),
        ("/export/latency.xlsx", 404, "no format 'xlsx'; there are: csv, parquet"),
        ("/export/latency.csv?range=1y", 400, "no range '1y'; there are: 15m, 1h, 24h, 7d"),
    ],
)
async def test_what_is_not_there_is_named(http: httpx.AsyncClient, path: str, status: int, said: str) -> None:
    answer = await http.get(path)

    assert answer.status_code == status
    assert said in answer.text


async def test_without_clickhouse_a_download_says_so() -> None:
    reader = Reader("http://127.0.0.1:9", timeout_seconds=2)
    exports = Exports(reader, load(), ManualClock(NOW), DashboardMetrics())
    app = Starlette(routes=[Route("/export/{query}.{suffix}", exports.download)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://dashboard") as client:
        answer = await client.get("/export/latency.csv")
    await reader.close()

    assert answer.status_code == 503
    assert "no answer from ClickHouse at http://127.0.0.1:9" in answer.text


async def test_rows_about_few_people_are_left_out_and_counted(
    reader: Reader, writer: httpx.Client, project: str
) -> None:
    days = {1: 4, 2: 5, 3: 1}
    rows = [
        {"project": project, "visitor": f"v{n}", "user": f"u{n}", "window_start": f"{NOW - timedelta(days=day):%F %T}"}
        for day, people in days.items()
        for n in range(people)
    ]
    insert(writer, "activity", rows)
    found = {}
    for minimum in (0, 5):
        async with downloads(reader, minimum) as http:
            answer = await http.get("/export/daily_active.csv", params={"project": project, "range": "7d"})
        persons = [int(line["persons"]) for line in csv.DictReader(io.StringIO(answer.text))]
        found[minimum] = persons, answer.headers["tidegate-rows-left-out"]
        assert ("-2-rows-left-out.csv" in answer.headers["content-disposition"]) == (minimum == 5)
    assert found == {0: ([1, 5, 4], "0"), 5: ([5], "2")}
