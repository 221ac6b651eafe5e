"""Reads ClickHouse over its HTTP interface: rows for a screen, bytes for a download."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from tidegate_dashboards.catalogue import Query
from tidegate_dashboards.errors import ClickHouseAwayError, NotMigratedError, QueryError

__all__ = ["Reader", "Rows"]

NOT_MIGRATED = ("UNKNOWN_TABLE", "UNKNOWN_DATABASE", "UNKNOWN_IDENTIFIER")
MESSAGE_CHARACTERS = 500

Row = dict[str, Any]


@dataclass(frozen=True)
class Rows:
    """What a query answered: column names in order, and one list a row in that order."""

    columns: tuple[str, ...] = ()
    values: list[list[Any]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Any:
        return (dict(zip(self.columns, row, strict=True)) for row in self.values)

    def one(self) -> Row | None:
        """The first row, or None."""
        return next(iter(self), None)


class Reader:
    """A pool of HTTP connections to ClickHouse. Use it on one event loop; `close` it at the end."""

    def __init__(self, url: str, *, timeout_seconds: float = 10.0, connections: int = 4) -> None:
        self.url = httpx.URL(url)
        self._client = httpx.AsyncClient(
            base_url=self.url,
            timeout=httpx.Timeout(timeout_seconds, connect=2.0),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            trust_env=False,
        )

    @property
    def address(self) -> str:
        """The URL without credentials, for messages."""
        return str(self.url.copy_with(username=None, password=None)).rstrip("/")

    async def rows(self, query: Query, values: Mapping[str, str]) -> Rows:
        """The whole answer. Raises ClickHouseAwayError, NotMigratedError or QueryError."""
        async with self._answer(query, values, "JSONCompact") as answer:
            text = await answer.aread()
        try:
            body = orjson.loads(text)
        except orjson.JSONDecodeError as error:  # ClickHouse failed midway and wrote the reason into the answer
            raise QueryError(f"query {query.name}: {text[-MESSAGE_CHARACTERS:].decode('utf-8', 'replace')}") from error
        return Rows(tuple(column["name"] for column in body["meta"]), body["data"])

    @asynccontextmanager
    async def download(self, query: Query, values: Mapping[str, str], form: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """The answer's bytes in a ClickHouse format, as they come. Errors before the first byte are raised on entry."""
        async with self._answer(query, values, form) as answer:
            yield answer.aiter_bytes()

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    @asynccontextmanager
    async def _answer(self, query: Query, values: Mapping[str, str], form: str) -> AsyncIterator[httpx.Response]:
        statement = f"{query.sql}\nFORMAT {form}".encode()
        try:
            async with self._client.stream("POST", "/", params=query.arguments(values), content=statement) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise _refusal(query.name, (await answer.aread()).decode("utf-8", "replace"))
                yield answer
        except httpx.HTTPError as error:
            raise ClickHouseAwayError(f"no answer from ClickHouse at {self.address}: {_words(error)}") from error


def _refusal(name: str, text: str) -> QueryError:
    message = f"query {name}: {text.strip()[:MESSAGE_CHARACTERS]}"
    return NotMigratedError(message) if any(code in text for code in NOT_MIGRATED) else QueryError(message)


def _words(error: httpx.HTTPError) -> str:
    return str(error) or type(error).__name__
