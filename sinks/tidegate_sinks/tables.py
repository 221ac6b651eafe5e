"""What the migrations say about the tables: columns, their types, and what a row is told apart by."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from tidegate_sinks.migrate import migrations

_TABLE = re.compile(
    r"CREATE TABLE IF NOT EXISTS tidegate\.(?P<name>\w+).*?\n\((?P<columns>.*?)\n\)\n(?P<rest>.*)", re.S
)
_COLUMN = re.compile(r"^ *`(?P<name>\w+)` (?P<type>.+?)(?: DEFAULT (?P<default>.+?))? COMMENT '", re.M)
_ADDED = re.compile(
    r"ALTER TABLE tidegate\.(?P<table>\w+).*?"
    r"ADD COLUMN IF NOT EXISTS `(?P<name>\w+)` (?P<type>.+?)\s+(?:DEFAULT|COMMENT) ",
    re.S,
)
_ORDER = re.compile(r"^ORDER BY \((?P<key>[^()]+)\)", re.M)


@dataclass(frozen=True)
class Table:
    """One table of the database `tidegate`."""

    name: str
    columns: Mapping[str, str]
    """ClickHouse's types by column, in order."""
    sort_key: tuple[str, ...]
    """Columns that identify a row: of several with the same, the highest version stays."""


@cache
def tables() -> Mapping[str, Table]:
    """All tables that rows are written to, by name, as the newest migration leaves them."""
    found: dict[str, Table] = {}
    for migration in migrations():
        for statement in migration.statements():
            if (match := _TABLE.match(statement)) and (order := _ORDER.search(match["rest"])):
                columns = {column["name"]: column["type"] for column in _COLUMN.finditer(match["columns"])}
                key = tuple(name.strip() for name in order["key"].split(","))
                found[match["name"]] = Table(match["name"], columns, key)
            elif added := _ADDED.match(statement):
                before = found[added["table"]]
                found[added["table"]] = replace(before, columns={**before.columns, added["name"]: added["type"]})
    return found
