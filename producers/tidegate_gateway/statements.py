"""Summaries of database statements: operation and targets, no literals. OpenTelemetry's `db.query.summary`."""

from __future__ import annotations

import re

MAX_CHARACTERS = 255
_TOKEN = re.compile(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/|[\w.$]+|`[^`]*`|\"[^\"]*\"|\[[^\]]*\]|[^\s]", re.S)
_OPERATIONS = frozenset(
    [
        "SELECT",
        "INSERT",
        "UPDATE",
        "DELETE",
        "MERGE",
        "REPLACE",
        "CREATE",
        "DROP",
        "ALTER",
        "TRUNCATE",
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "SAVEPOINT",
        "RELEASE",
        "PRAGMA",
        "SET",
        "CALL",
        "EXPLAIN",
        "WITH",
        "EXEC",
        "EXECUTE",
        "SHOW",
        "VACUUM",
        "ANALYZE",
        "CONNECT",
    ]
)
_BEFORE_TARGET = frozenset(["FROM", "INTO", "UPDATE", "JOIN", "TABLE"])
_NOT_TARGET = frozenset(["SELECT", "LATERAL", "ONLY", "IF", "EXISTS", "NOT", "SET"])


def summarise(statement: str) -> str:
    """`SELECT agents accounts` for a query that reads from these tables; empty for what is no statement."""
    words: list[str] = []
    previous = ""
    for token in _TOKEN.findall(statement[:20_000]):
        if token.startswith(("'", "--", "/*")):
            continue
        upper = token.upper()
        if upper in _OPERATIONS and (not words or upper in {"SELECT", "INSERT", "UPDATE", "DELETE"}):
            words.append(upper)
        elif previous in _BEFORE_TARGET and upper not in _NOT_TARGET and re.match(r"[\w`\"\[]", token):
            words.append(token.strip('`"[]'))
        previous = upper
    return _join(words) if words and words[0] in _OPERATIONS else ""


def _join(words: list[str]) -> str:
    """Whole words only, as many as fit."""
    summary = ""
    for word in words:
        longer = f"{summary} {word}".strip()
        if len(longer) > MAX_CHARACTERS:
            break
        summary = longer
    return summary
