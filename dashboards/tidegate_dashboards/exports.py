"""Downloads: what a chart shows, as CSV or Parquet, streamed from ClickHouse as it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from tidegate_dashboards.catalogue import Catalogue, Query
from tidegate_dashboards.clock import Clock
from tidegate_dashboards.errors import ClickHouseAwayError, QueryError
from tidegate_dashboards.metrics import DashboardMetrics
from tidegate_dashboards.ranges import RANGES, time_range
from tidegate_dashboards.reader import Reader

__all__ = ["FORMATS", "Exports", "filename"]

FORMATS = {
    "csv": ("CSVWithNames", "text/csv; charset=utf-8"),
    "parquet": ("Parquet", "application/vnd.apache.parquet"),
}


def filename(query: str, project: str, range_key: str, at: datetime, suffix: str) -> str:
    """Name of a downloaded file: what, whose, which range, when (UTC). Only letters, digits, `-`, `_` and `.`."""
    safe = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_") else "-" for letter in project)
    return f"tidegate-{query}-{safe}-{range_key}-{at:%Y%m%dT%H%M%SZ}.{suffix}"


PERSONS: Mapping[str, str] = {"daily_active": "persons", "monthly_active": "persons"}
"""Columns that count persons, by query: a row that counts few of them may tell of one."""


def without_few(query: Query, least_persons: int) -> Query:
    """The query without rows that count fewer persons than that; one that counts none stays as it is."""
    column = PERSONS.get(query.name)
    if column is None or least_persons <= 1:
        return query
    return replace(query, sql=f"SELECT * FROM\n(\n{query.sql}\n)\nWHERE {column} >= {int(least_persons)}")


class Exports:
    """The route `/export/{query}.{format}?project=…&range=…`.

    Rows about fewer than `least_persons` persons are left out, and the header `Tidegate-Left-Out` says so.
    """

    def __init__(
        self, reader: Reader, queries: Catalogue, clock: Clock, metrics: DashboardMetrics, least_persons: int = 5
    ) -> None:
        self._least_persons = least_persons
        self._reader = reader
        self._queries = queries
        self._clock = clock
        self._metrics = metrics

    async def download(self, request: Request) -> Response:
        """Streams the answer. 404 for an unknown chart or format, 400 for an unknown range, 503 without ClickHouse."""
        name, suffix = request.path_params["query"], request.path_params["suffix"]
        range_key = request.query_params.get("range", RANGES[0].key)
        if name not in self._queries:
            return PlainTextResponse(f"no chart {name!r}; there are: {', '.join(self._queries)}\n", 404)
        if suffix not in FORMATS:
            return PlainTextResponse(f"no format {suffix!r}; there are: {', '.join(FORMATS)}\n", 404)
        if range_key not in {choice.key for choice in RANGES}:
            known = ", ".join(choice.key for choice in RANGES)
            return PlainTextResponse(f"no range {range_key!r}; there are: {known}\n", 400)
        return await self._stream(name, suffix, range_key, request.query_params.get("project", "default"))

    async def _stream(self, name: str, suffix: str, range_key: str, project: str) -> Response:
        now = self._clock.now()
        values = {"project": project, **time_range(range_key).span(now).parameters()}
        form, media_type = FORMATS[suffix]
        stack = AsyncExitStack()
        try:
            chunks = await stack.enter_async_context(self._reader.download(self._query(name), values, form))
        except ClickHouseAwayError as error:
            return PlainTextResponse(f"{error}\n", 503, {"Retry-After": "5"})
        except QueryError as error:
            return PlainTextResponse(f"{error}\n", 502)
        self._metrics.exports.labels(name, suffix).inc()
        attachment = filename(name, project, range_key, now, suffix)
        headers = {"Content-Disposition": f'attachment; filename="{attachment}"', "Cache-Control": "no-store"}
        if name in PERSONS and self._least_persons > 1:
            headers["Tidegate-Left-Out"] = f"rows with fewer than {self._least_persons} persons"
        return StreamingResponse(self._counted(chunks, stack), media_type=media_type, headers=headers)

    def _query(self, name: str) -> Query:
        return without_few(self._queries[name], self._least_persons)

    async def _counted(self, chunks: AsyncIterator[bytes], stack: AsyncExitStack) -> AsyncIterator[bytes]:
        async with stack:
            async for chunk in chunks:
                self._metrics.exported_bytes.inc(len(chunk))
                yield chunk
