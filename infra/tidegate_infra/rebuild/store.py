"""What a rebuild asks ClickHouse and tells it. The statements are in queries/."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any, cast

import polars as pl
from clickhouse_connect.driver.client import Client

from tidegate_schemas.topics import Kind, clean_topic
from tidegate_sinks.tables import tables
from tidegate_sinks.writer import ClickHouseWriter
from tidegate_stream.rebuild import Stretch

__all__ = ["Source", "Store"]

_MICROS = pl.Datetime("us", "UTC")
_KEYS_AT_ONCE = 1_000
"""Keys in one DELETE: they travel in the request's address, which may have 64 KiB."""
_SYNCHRONOUS = {"lightweight_deletes_sync": 2}


@dataclass(frozen=True)
class Source:
    """A partition of the archive, as far as it reached when the rebuild began."""

    kind: Kind
    generation: int
    partition: int
    oldest: int
    """Lowest clean offset."""
    head: int
    """Highest clean offset, of an event or an erasure."""
    watermark: int
    """The one of all its records, µs since the epoch."""
    oldest_received: int
    """When its first record was received, µs since the epoch."""

    @property
    def topic(self) -> str:
        """The clean topic."""
        return clean_topic(self.kind, self.generation)

    def version(self, offset: int) -> int:
        """Version of a row that includes all records up to an offset, as the worker's."""
        return self.generation << 48 | max(offset, 0)

    @property
    def place(self) -> dict[str, Any]:
        """Parameters that tell the partition's records in the archive."""
        return {"table": f"events_{self.kind}", "generation": self.generation, "partition": self.partition}


class Store:
    """The archive and the tables that are made from it. Raises ClickHouseError."""

    def __init__(self, client: Client) -> None:
        self._client, self._writer = client, ClickHouseWriter(client)

    def sources(self, kind: Kind) -> list[Source]:
        """The archive's partitions of a kind."""
        rows = self._rows("heads", {"table": f"events_{kind}"})
        sources = [Source(kind=kind, **{name: int(value) for name, value in row.items()}) for row in rows]
        standing = {str(row["place"]): int(row["offset"]) for row in self._rows("standing", {})}
        places = [f"{source.topic}/{source.partition}" for source in sources]
        return [
            replace(source, head=max(source.head, standing.get(place, 0)))
            for source, place in zip(sources, places, strict=True)
        ]

    def newest_version(self, source: Source, table: str) -> int:
        """The highest version among a table's rows from a partition; 0 if there are none."""
        parameters = {**source.place, "table": table, "topic": source.topic}
        return int(self._rows("newest", parameters)[0]["newest"])

    def stretch(self, source: Source, part: Stretch, time: str) -> tuple[int, int] | None:
        """First and last offset (both inclusive) of the records of a part of time; None if there are none.

        `time` is the column that says it.
        """
        parameters = {**source.place, "head": source.head, "begin": part.begin, "end": part.end, "time": time}
        row = self._rows("stretch", parameters)[0]
        return (int(row["first"]), int(row["last"])) if row["records"] else None

    def watermark(self, source: Source, before: int, time: str) -> int:
        """The watermark of all records below an offset, by one of their times; µs since the epoch."""
        return int(self._rows("watermark", {**source.place, "before": before, "time": time})[0]["watermark"])

    def passed(self, source: Source, mark: int, before: int) -> int:
        """Offset of the first record, up to `before`, with which the watermark passed `mark`."""
        return int(self._rows("passed", {**source.place, "mark": mark, "before": before})[0]["first"])

    def unbroken(self, source: Source, begin: int, range_begin: int, gap: int) -> int:
        """How many visitors never paused for `gap` µs between `begin` and the range."""
        times = {"begin": begin, "range_begin": range_begin, "gap": gap}
        return int(self._rows("unbroken", {**source.place, "head": source.head, **times})[0]["visitors"])

    def records(self, source: Source, first: int, last: int) -> pl.DataFrame:
        """Archived rows between two offsets, both inclusive, in no order, perhaps more than once."""
        parameters = {**source.place, "first": first, "last": last}
        return self._frame(_sql(f"records_{source.kind}"), parameters)

    def known_attributes(self) -> dict[str, str]:
        """Texts of attributes by what ClickHouse makes of them."""
        return {str(row["stored"]): str(row["given"]) for row in self._rows("known_attributes", {})}

    def keys_of(self, source: Source, table: str, rows: Stretch, closed: int) -> pl.DataFrame:
        """Sort keys, and `row_key`, of the range's rows in windows that began (sessions: ended) before `closed`."""
        first, last = _TIMES.get(table, ("window_start", "window_start"))
        statement = _filled("rows", table).replace("{first}", first).replace("{last}", last)
        times = {"begin": rows.begin, "end": rows.end, "closed": max(closed, 0)}
        return self._frame(statement, {**_versions(source), **times})

    def write(self, source: Source, table: str, rows: pl.DataFrame) -> None:
        """Write a partition's rows as of its head. Raises SinkError."""
        stamped = rows.with_columns(
            source_topic=pl.lit(source.topic),
            source_partition=pl.lit(source.partition, pl.UInt16),
            version=pl.lit(source.version(source.head), pl.UInt64),
        )
        asyncio.run(self._writer.upsert(table, stamped))

    def remove(self, source: Source, table: str, row_keys: Sequence[int]) -> None:
        """Delete a partition's rows up to its head's version that have these keys; returns when they are gone."""
        for start in range(0, len(row_keys), _KEYS_AT_ONCE):
            keys = list(row_keys[start : start + _KEYS_AT_ONCE])
            parameters = {**_versions(source), "keys": keys}
            self._client.command(_filled("remove", table), parameters=parameters, settings=_SYNCHRONOUS)

    def _rows(self, name: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        return list(self._client.query(_sql(name), parameters=dict(parameters)).named_results())

    def _frame(self, statement: str, parameters: Mapping[str, Any]) -> pl.DataFrame:
        arrow = self._client.query_arrow(statement, parameters=dict(parameters), use_strings=True)
        frame = cast("pl.DataFrame", pl.from_arrow(arrow))
        return frame.with_columns(
            pl.col(pl.Categorical).cast(pl.String),
            pl.col(pl.Datetime).cast(_MICROS),
            # ClickHouse gives whole seconds as a number.
            *((pl.col(name).cast(pl.Int64) * 1_000_000).cast(_MICROS) for name in _seconds(frame)),
        )


_TIMES: Mapping[str, tuple[str, str]] = {
    "sessions": ("started_at", "ended_at"),
    "identities": ("first_seen", "first_seen"),
}
"""Columns that say from when to when a row is; the begin of the window where nothing else is said."""


def _seconds(frame: pl.DataFrame) -> list[str]:
    return [name for name in frame.columns if name == "window_start" and frame.schema[name].is_integer()]


def _versions(source: Source) -> dict[str, Any]:
    lowest, highest = source.version(0), source.version(source.head)
    return {"topic": source.topic, "partition": source.partition, "lowest": lowest, "highest": highest}


def _filled(name: str, table: str) -> str:
    """A statement with a table's name and sort key, which come from our own migrations."""
    return _sql(name).replace("{table}", table).replace("{key}", ", ".join(tables()[table].sort_key))


def _sql(name: str) -> str:
    return files("tidegate_infra.rebuild").joinpath("queries", f"{name}.sql").read_text(encoding="utf-8")
