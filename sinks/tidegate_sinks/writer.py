"""Writers: rows out of the stream, safe to repeat.

A row is absolute and carries its version; of the rows with one sort key, the highest version stays, and of equal ones
the latest. So a writer may be given the same rows any number of times, in any order. A column that rows lack, and a
value that is null, takes the column's default: an empty text, 0, an empty list.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import polars as pl
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError, DataError, ProgrammingError

from tidegate_sinks.errors import UnknownColumnError, UnknownTableError, WriteFailedError
from tidegate_sinks.mending import mend_clashes, mend_rows
from tidegate_sinks.tables import Table, tables

log = logging.getLogger(__name__)

DATABASE = "tidegate"

#: Codes of ClickHouse errors that pass by themselves: timeouts (159, 160, 209), network (210), too many queries, parts
#: or connections (202, 203, 252), a shutdown (236, 394), memory (241), disk (243), replicas (225, 242, 285, 286, 319,
#: 999), threads (425, 439).
PASSING_CODES = frozenset(
    {159, 160, 202, 203, 209, 210, 225, 236, 241, 242, 243, 252, 285, 286, 319, 394, 425, 439, 999}
)

INCORRECT_DATA = 117

#: `async_insert` acknowledges rows that queries don't see yet. `optimize_on_insert` looks for rows of one key within a
#: block, of which an agent writes none; that took a sixth of what ClickHouse spent on an insert.
INSERT_SETTINGS = {"async_insert": 0, "input_format_null_as_default": 1, "optimize_on_insert": 0}
MAX_PAUSE_SECONDS = 2.0

_CODE = re.compile(r"[Cc]ode: (\d+)")


class Writer(Protocol):
    """Where an agent's rows go."""

    async def upsert(self, table: str, rows: pl.DataFrame) -> None:
        """Write rows of `tidegate.<table>`; returns when they are acknowledged. Raises SinkError."""


class ClickHouseWriter:
    """Inserts over HTTP as Arrow, in a thread; tries again for as long as an error may pass, up to a deadline."""

    def __init__(
        self,
        client: Client,
        *,
        deadline_seconds: float = 60.0,
        first_pause_seconds: float = 0.1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._deadline, self._first_pause = client, deadline_seconds, first_pause_seconds
        self._clock = clock
        self._columns: dict[str, dict[str, str]] = {}

    async def upsert(self, table: str, rows: pl.DataFrame) -> None:
        """See `Writer.upsert`."""
        if rows.is_empty():
            return
        give_up, pause, attempts = self._clock() + self._deadline, self._first_pause, 0
        while True:
            attempts += 1
            try:
                await asyncio.to_thread(self._insert, table, rows)
            except (ClickHouseError, OSError) as error:
                if not passes(error) or self._clock() + pause > give_up:
                    raise WriteFailedError(table, rows.height, attempts, _first_line(error)) from error
                log.warning("%d rows for table %s wait for ClickHouse: %s", rows.height, table, _first_line(error))
            else:
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, MAX_PAUSE_SECONDS)

    def _insert(self, table: str, rows: pl.DataFrame) -> None:
        known = self._known(table)
        if unknown := [name for name in rows.columns if name not in known]:
            raise UnknownColumnError(table, unknown, list(known))
        texts = [name for name in rows.columns if known[name].startswith("JSON")]
        try:
            self._send(table, mend_clashes(rows, texts))
        except DatabaseError as error:
            if code_of(error) != INCORRECT_DATA or not texts:
                raise
            log.warning("%d rows for table %s: mending JSON that ClickHouse refused", rows.height, table)
            self._send(table, mend_rows(rows, texts))

    def _send(self, table: str, rows: pl.DataFrame) -> None:
        self._client.insert_arrow(f"{DATABASE}.{table}", rows.to_arrow(), settings=INSERT_SETTINGS)

    def _known(self, table: str) -> dict[str, str]:
        """Types by column."""
        if table not in self._columns:
            answer = self._client.query(
                "SELECT name, type FROM system.columns WHERE database = {database:String} AND table = {table:String}",
                parameters={"database": DATABASE, "table": table},
            )
            if not answer.result_rows:
                raise UnknownTableError(table)
            self._columns[table] = {str(name): str(kind) for name, kind in answer.result_rows}
        return self._columns[table]


def passes(error: Exception) -> bool:
    """Whether trying again may help: the engine says so by its code; without one it was the way there that failed."""
    if isinstance(error, (DataError, ProgrammingError)):
        return False
    code = code_of(error)
    return code is None or code in PASSING_CODES


def code_of(error: Exception) -> int | None:
    """ClickHouse's number for what went wrong; None if it never came to say."""
    found = _CODE.search(str(error)) if isinstance(error, DatabaseError) else None
    return int(found[1]) if found else None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:500]


class MemoryWriter:
    """Keeps rows in memory as a ReplacingMergeTree would after its merges. For tests of everything that writes."""

    def __init__(self, known: Mapping[str, Table] | None = None) -> None:
        self._tables = tables() if known is None else known
        self._rows: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {}

    async def upsert(self, table: str, rows: pl.DataFrame) -> None:
        """See `Writer.upsert`."""
        if rows.is_empty():
            return
        if table not in self._tables:
            raise UnknownTableError(table)
        columns = self._tables[table].columns
        if unknown := [name for name in rows.columns if name not in columns]:
            raise UnknownColumnError(table, unknown, list(columns))
        defaults = {name: default_of(kind) for name, kind in columns.items()}
        kept = self._rows.setdefault(table, {})
        for given in rows.iter_rows(named=True):
            row = defaults | {name: value for name, value in given.items() if value is not None}
            key = tuple(row[name] for name in self._tables[table].sort_key)
            if key not in kept or kept[key]["version"] <= row["version"]:
                kept[key] = row

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Rows as a query with FINAL sees them, in no order."""
        return [row for row in self._rows.get(table, {}).values() if not row.get("is_deleted")]


def default_of(kind: str) -> object:
    """What a column of a ClickHouse type holds where nothing was said; None for times and ids."""
    inner = kind.removeprefix("LowCardinality(")
    if inner.startswith("Array"):
        return []
    for prefix, value in (("String", ""), ("JSON", "{}"), ("Bool", False), ("Float", 0.0), ("Int", 0), ("UInt", 0)):
        if inner.startswith(prefix):
            return value
    return None
