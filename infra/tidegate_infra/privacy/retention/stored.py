"""What ClickHouse says of its tables: how long they keep rows by their TTL, and how old the oldest is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files

from clickhouse_connect.driver.client import Client

from tidegate_infra.privacy.retention.tables import TablePolicy

__all__ = ["FoundTable", "apply_retention", "found_tables", "overdue_rows", "ttl_days"]

_TTL = re.compile(
    r" TTL (?:toDateTime\()?`?(?P<column>\w+)`?\)? \+ toInterval(?P<unit>\w+)\((?P<number>\d+)\)(?: SETTINGS|$)"
)
_MOST_DAYS = {"Hour": 1 / 24, "Day": 1, "Week": 7, "Month": 31, "Quarter": 92, "Year": 366}


@dataclass(frozen=True)
class FoundTable:
    """A table. `days`: what its TTL comes to at most; None without one, or with one of another column or shape."""

    database: str
    name: str
    configured: str
    days: float | None
    rows: int
    oldest: datetime | None


def ttl_days(engine: str, column: str) -> float | None:
    """Days for which a table keeps rows by its engine's description, counted from the column; None if not told."""
    found = _TTL.search(engine)
    if found is None or found["column"] != column or found["unit"] not in _MOST_DAYS:
        return None
    return int(found["number"]) * _MOST_DAYS[found["unit"]]


def found_tables(client: Client, policies: Mapping[str, TablePolicy]) -> Iterator[FoundTable]:
    """Every table of ours; the age of rows is looked at where a policy says by which column."""
    for row in client.query(_sql("tables")).named_results():
        policy = policies.get(row["name"]) if row["database"] == "tidegate" else None
        rows, oldest, days = int(row["rows"]), None, None
        if policy is not None:
            days = ttl_days(row["engine_full"], policy.column)
            rows, seconds = client.query(_filled("oldest", row["name"], policy.column)).first_row
            oldest = datetime.fromtimestamp(seconds, UTC) if rows else None
        configured = "no TTL" if " TTL " not in row["engine_full"] else row["engine_full"].split(" TTL ", 1)[1]
        yield FoundTable(row["database"], row["name"], configured.split(" SETTINGS ")[0], days, int(rows), oldest)


def overdue_rows(client: Client, table: str, column: str, allowed: datetime, settled: datetime) -> int:
    """Rows from before `allowed`, in parts that were there at `settled` already."""
    values = {"allowed": int(allowed.timestamp()), "settled": int(settled.timestamp())}
    return int(client.query(_filled("overdue", table, column), parameters=values).first_row[0])


def apply_retention(client: Client, policies: Mapping[str, TablePolicy], shorter: Mapping[str, int]) -> list[str]:
    """Set the TTL of each table that differs from its policy or from what was shortened; returns their names."""
    changed = []
    for row in client.query(_sql("tables")).named_results():
        policy = policies.get(row["name"]) if row["database"] == "tidegate" else None
        if policy is None or policy.days is None:
            continue
        wanted = shorter.get(row["name"], policy.days)
        if ttl_days(row["engine_full"], policy.column) != wanted:
            client.command(_filled("shorten", row["name"], policy.column).replace("{days}", str(wanted)))
            changed.append(row["name"])
    return changed


def _filled(name: str, table: str, column: str) -> str:
    """A statement with names that come from our own list."""
    return _sql(name).replace("{table}", table).replace("{column}", column)


def _sql(name: str) -> str:
    return files("tidegate_infra.privacy.retention").joinpath("queries", f"{name}.sql").read_text(encoding="utf-8")
