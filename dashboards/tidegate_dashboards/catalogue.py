"""The catalogue of queries: every .sql file of a package directory, with its parameters.

A file starts with comment lines that say in a sentence what its rows are; a line `-- Subjects: persons` names columns
that count people. Values reach ClickHouse as
server-side parameters (`{name:Type}`), never as text of the statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from tidegate_dashboards.errors import QueryFileError, UnknownQueryError

__all__ = ["Catalogue", "Query", "load", "parse"]

SUBJECTS = "Subjects:"
PARAMETER = re.compile(r"\{(?P<name>[a-z_]+):(?P<type>[A-Za-z0-9_(), ']+)\}")


@dataclass(frozen=True)
class Query:
    """One statement, without a FORMAT clause or a closing semicolon."""

    name: str
    description: str
    sql: str
    parameters: Mapping[str, str]
    """ClickHouse type by parameter name."""
    subjects: tuple[str, ...] = ()
    """Columns that say how many people a row is about."""

    def arguments(self, values: Mapping[str, str]) -> dict[str, str]:
        """HTTP arguments `param_<name>` for the parameters that this query has. Raises KeyError for a missing one."""
        return {f"param_{name}": values[name] for name in self.parameters}


class Catalogue(Mapping[str, Query]):
    """Queries by name."""

    def __init__(self, queries: Mapping[str, Query], source: str) -> None:
        self._queries = dict(queries)
        self._source = source

    def __getitem__(self, name: str) -> Query:
        try:
            return self._queries[name]
        except KeyError:
            known = ", ".join(sorted(self._queries))
            raise UnknownQueryError(f"no query {name!r} in {self._source}; there are: {known}") from None

    def __contains__(self, name: object) -> bool:
        return name in self._queries

    def __iter__(self) -> Iterator[str]:
        return iter(self._queries)

    def __len__(self) -> int:
        return len(self._queries)


def parse(name: str, text: str) -> Query:
    """A query from a file's text."""
    lines = text.strip().splitlines()
    comment = [line[2:].strip() for line in lines if line.startswith("--")]
    if not lines or not lines[0].startswith("--"):
        raise QueryFileError(f"{name}.sql must start with a comment line that says what its rows are")
    sql = "\n".join(line for line in lines if not line.startswith("--")).strip().removesuffix(";").strip()
    if not sql:
        raise QueryFileError(f"{name}.sql holds no statement")
    parameters = {found["name"]: found["type"].strip() for found in PARAMETER.finditer(sql)}
    told = [line for line in comment if not line.startswith(SUBJECTS)]
    counted = [line.removeprefix(SUBJECTS) for line in comment if line.startswith(SUBJECTS)]
    subjects = tuple(column.strip() for line in counted for column in line.split(","))
    return Query(name, " ".join(told), sql, parameters, subjects)


@cache
def load(package: str = "tidegate_dashboards.queries") -> Catalogue:
    """Every .sql file of a package's directory. Read once."""
    texts = {
        entry.name.removesuffix(".sql"): entry.read_text(encoding="utf-8")
        for entry in files(package).iterdir()
        if entry.name.endswith(".sql")
    }
    return Catalogue({name: parse(name, text) for name, text in sorted(texts.items())}, package)
