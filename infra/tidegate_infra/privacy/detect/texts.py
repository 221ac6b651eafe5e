"""Free text that is stored: a sample of it, by table, column and property."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.resources import files
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client

__all__ = ["COLUMNS", "Place", "of_row", "sampled"]

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "events_track": ("properties",),
    "events_error": ("message", "properties"),
    "events_span": ("properties",),
    "events_metric": ("attributes", "properties"),
    "events_log": ("body", "attributes", "properties"),
    "events_health": ("message", "properties"),
}
"""Where applications write what they like. Addresses, statements and stacks have rules of their own at the gate."""
TEXT_CHARACTERS = 2_000
"""What is longer is cut: a sample need not read everything."""
DEPTH = 8
_OF_DOCUMENTS = frozenset({"attributes", "properties"})
_PLAIN_NAME = re.compile(r"(?!.*\d{4})[\w$./:-]{1,80}")
"""Four digits in a row are no part of a property's name, and of many a person's id or number."""
_WORD = re.compile(r"[^\W\d_]{2}")
_TAKEN_OUT = re.compile(r"\[[a-z][a-z0-9 -]*\]")
"""What the gate puts where it took something out."""


class Place(NamedTuple):
    """Where a text is; `name` is a property's, with dots between nested ones, and empty for a column of text."""

    table: str
    column: str
    name: str


def sampled(client: Client, project: str, since: datetime, rows: int) -> Counter[tuple[Place, str]]:
    """How often each text was found in so many events of a table at most. Raises ClickHouseError."""
    text = files("tidegate_infra.privacy.detect").joinpath("queries", "sample.sql").read_text(encoding="utf-8")
    found: Counter[tuple[Place, str]] = Counter()
    for table, columns in COLUMNS.items():
        shown = ", ".join(f"toJSONString({each}) AS {each}" if each in _OF_DOCUMENTS else each for each in columns)
        statement = text.replace("{table}", table).replace("{columns}", shown)
        parameters = {"project": project, "since": since, "rows": rows}
        for row in client.query(statement, parameters=parameters).named_results():
            found.update(of_row(table, row))
    return found


def of_row(table: str, row: Mapping[str, str]) -> Iterator[tuple[Place, str]]:
    """The texts of an event in which there is a word."""
    for column, value in row.items():
        members = _members("", json.loads(value), DEPTH) if column in _OF_DOCUMENTS else [("", value)]
        for name, text in members:
            cut = _TAKEN_OUT.sub(" ", text[:TEXT_CHARACTERS])
            if _WORD.search(cut):
                yield Place(table, column, name), cut


def _members(name: str, value: Any, depth: int) -> Iterator[tuple[str, str]]:
    match value:
        case str():
            yield name, value
        case dict() if depth:
            for key, member in value.items():
                # A key may be anything, an id among them: what doesn't look like a name is not shown.
                shown = key if _PLAIN_NAME.fullmatch(key) else "(not a plain name)"
                yield from _members(f"{name}.{shown}" if name else shown, member, depth - 1)
        case list() if depth:
            for member in value:
                yield from _members(name, member, depth - 1)
