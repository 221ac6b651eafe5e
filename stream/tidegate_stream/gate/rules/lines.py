"""On which line of a TOML file a value stands: its parser doesn't say."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping

Path = tuple[str | int, ...]


def lines_of(text: str) -> dict[Path, int]:
    """First line of each table's header and each value, by its path; `text` must be TOML.

    Statement by statement, so that what spans lines counts as one. Members of an inline table have its line.
    """
    found: dict[Path, int] = {}
    table: Path = ()
    tables: dict[Path, int] = {}  # how many of an array's tables there were
    for number, statement in _statements(text):
        content = tomllib.loads(statement)
        if statement.lstrip().startswith("["):
            table = _header(content, tables, again=statement.lstrip().startswith("[["))
            found.setdefault(table, number)
        else:
            for path in _paths(content):
                found.setdefault((*table, *path), number)
    return found


def line_of(lines: Mapping[Path, int], path: Path) -> int:
    """The line of a path, or of the nearest thing around it that has one; 1 for the file."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Each header or assignment with its first line's number."""
    waiting: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not waiting and (not line.strip() or line.lstrip().startswith("#")):
            continue
        waiting.append(line)
        statement = "\n".join(waiting)
        try:
            tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue
        yield number - len(waiting) + 1, statement
        waiting = []


def _header(content: Mapping[str, object], tables: dict[Path, int], *, again: bool) -> Path:
    path: Path = ()
    value: object = content
    while isinstance(value, dict) and value:
        [(key, value)] = value.items()
        path = (*path, key)
        if path in tables and not (again and isinstance(value, list)):
            path = (*path, tables[path] - 1)
    if again:
        tables[path] = tables.get(path, 0) + 1
        path = (*path, tables[path] - 1)
    return path


def _paths(content: object) -> Iterator[Path]:
    members: Iterator[tuple[str | int, object]]
    match content:
        case dict():
            members = iter(content.items())
        case list():
            members = iter(enumerate(content))
        case _:
            return
    for key, value in members:
        yield (key,)
        yield from ((key, *path) for path in _paths(value))
