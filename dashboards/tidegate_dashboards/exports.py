"""Downloads: what a chart shows, as CSV or Parquet, streamed from ClickHouse as it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import datetime

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from tidegate_dashboards.catalogue import Catalogue
from tidegate_dashboards.clock import Clock
from tidegate_dashboards.errors import ClickHouseAwayError, QueryError
from tidegate_dashboards.metrics import DashboardMetrics
from tidegate_dashboards.ranges import RANGES, time_range
from tidegate_dashboards.reader import Reader, Rows
from tidegate_dashboards.suppression import MINIMUM, left_out, without_few

__all__ = ["FORMATS", "Exports", "filename"]

FORMATS = {
    "csv": ("CSVWithNames", "text/csv; charset=utf-8"),
    "parquet": ("Parquet", "application/vnd.apache.parquet"),
}


def filename(query: str, project: str, range_key: str, at: datetime, suffix: str, left_out: int = 0) -> str:
    """Name of a downloaded file: what, whose, which range, when (UTC). Only letters, digits, `-`, `_` and `.`.

    If rows about few people were left out, it says how many.
    """
    safe = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_") else "-" for letter in project)
    few = f"-{left_out}-rows-left-out" if left_out else ""
    return f"tidegate-{query}-{safe}-{range_key}-{at:%Y%m%dT%H%M%SZ}{few}.{suffix}"


class Exports:
    """The route `/export/{query}.{format}?project=…&range=…`.

    Rows about fewer people than `minimum_subjects` are left out, and their number is told; 0 or 1: none are.
    """

    def __init__(
        self, reader: Reader, queries: Catalogue, clock: Clock, metrics: DashboardMetrics, minimum_subjects: int = 5
    ) -> None:
        self._minimum_subjects = minimum_subjects
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
        span = time_range(range_key).span(now).parameters()
        values = {"project": project, **span, MINIMUM: str(self._minimum_subjects)}
        query = self._queries[name]
        form, media_type = FORMATS[suffix]
        stack = AsyncExitStack()
        try:
            few = await self._reader.rows(left_out(query), values) if query.subjects else Rows()
            chunks = await stack.enter_async_context(self._reader.download(without_few(query), values, form))
        except ClickHouseAwayError as error:
            return PlainTextResponse(f"{error}\n", 503, {"Retry-After": "5"})
        except QueryError as error:
            return PlainTextResponse(f"{error}\n", 502)
        self._metrics.exports.labels(name, suffix).inc()
        omitted = int((few.one() or {"rows": 0})["rows"])
        attachment = filename(name, project, range_key, now, suffix, omitted)
        headers = {
            "Content-Disposition": f'attachment; filename="{attachment}"',
            "Cache-Control": "no-store",
            "Tidegate-Rows-Left-Out": str(omitted),
        }
        return StreamingResponse(self._counted(chunks, stack), media_type=media_type, headers=headers)

    async def _counted(self, chunks: AsyncIterator[bytes], stack: AsyncExitStack) -> AsyncIterator[bytes]:
        async with stack:
            async for chunk in chunks:
                self._metrics.exported_bytes.inc(len(chunk))
                yield chunk
