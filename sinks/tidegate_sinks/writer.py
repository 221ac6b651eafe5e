"""Writers: rows out of the stream, safe to repeat.

A row is absolute and carries its version; of the rows with one sort key, the highest version stays, and of equal ones
the latest. So a writer may be given the same rows any number of times, in any order.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import polars as pl
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

from tidegate_sinks.errors import UnknownColumnError, WriteFailedError

#: Codes of ClickHouse errors that pass by themselves: timeouts, network, too many parts or queries, memory, shutdown.
PASSING_CODES = frozenset({159, 164, 202, 209, 210, 236, 241, 242, 252, 319, 425})
DATABASE = "tidegate"


class Writer(Protocol):
    """Where an agent's rows go."""

    async def upsert(self, table: str, rows: pl.DataFrame) -> None:
        """Write rows of `tidegate.<table>`; returns when they are acknowledged. Raises SinkError."""


class ClickHouseWriter:
    """Inserts over HTTP as Arrow, in a thread; tries again for as long as an error may pass, up to a deadline."""

    def __init__(self, client: Client, *, deadline_seconds: float = 60.0, first_pause_seconds: float = 0.1) -> None:
        self._client, self._deadline, self._first_pause = client, deadline_seconds, first_pause_seconds
        self._columns: dict[str, list[str]] = {}

    async def upsert(self, table: str, rows: pl.DataFrame) -> None:
        """See `Writer.upsert`."""
        if rows.is_empty():
            return None
        give_up, pause, attempts = time.monotonic() + self._deadline, self._first_pause, 0
        while True:
            attempts += 1
            try:
                return await asyncio.to_thread(self._insert, table, rows)
            except (ClickHouseError, OSError) as error:
                if not _passes(error) or time.monotonic() + pause > give_up:
                    raise WriteFailedError(table, rows.height, attempts, str(error)[:500]) from error
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)

    def _insert(self, table: str, rows: pl.DataFrame) -> None:
        unknown = [name for name in rows.columns if name not in self._known(table)]
        if unknown:
            raise UnknownColumnError(table, unknown, self._known(table))
        self._client.insert_arrow(f"{DATABASE}.{table}", rows.to_arrow(), settings={"async_insert": 0})

    def _known(self, table: str) -> list[str]:
        if table not in self._columns:
            answer = self._client.query(
                "SELECT name FROM system.columns WHERE database = {database:String} AND table = {table:String}",
                parameters={"database": DATABASE, "table": table},
            )
            self._columns[table] = [str(row[0]) for row in answer.result_rows]
        return self._columns[table]


def _passes(error: Exception) -> bool:
    """Whether trying again may help."""
    if not isinstance(error, DatabaseError):
        return True
    code = str(error).partition("Code: ")[2].partition(".")[0].strip()
    return code.isdecimal() and int(code) in PASSING_CODES


class MemoryWriter:
    """Keeps rows in memory as a ReplacingMergeTree would after its merges. For tests of everything that writes."""

    def __init__(self, sort_keys: Mapping[str, Sequence[str]]) -> None:
        self._sort_keys = sort_keys
        self._rows: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {table: {} for table in sort_keys}

    async def upsert(self, table: str, rows: pl.DataFrame) -> None:
        """See `Writer.upsert`."""
        kept = self._rows[table]
        for row in rows.iter_rows(named=True):
            key = tuple(row[name] for name in self._sort_keys[table])
            if key not in kept or kept[key]["version"] <= row["version"]:
                kept[key] = row

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Rows as a query with FINAL sees them, in no order."""
        return [row for row in self._rows[table].values() if not row.get("is_deleted")]
