"""What a summary of a statement is made of, however it is read: operations and targets, nothing of literals. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

MAX_CHARACTERS = 255

STARTS = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})
"""Words that begin a statement within another one, too."""
NO_START_AFTER = frozenset({"FOR", "DO", "KEY", "ON", "THEN", "NO", "GRANT", "REVOKE", ",", "AFTER", "BEFORE", "OR"})
"""Where such a word is no start: FOR UPDATE, ON CONFLICT DO UPDATE, ON DELETE CASCADE."""
_WORD = re.compile(r"[\w.]+|[^\s]")
_NAME = re.compile(r"[^\W\d][\w.]*")
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
        "COPY",
        "GRANT",
        "REVOKE",
        "USE",
        "LOCK",
        "LOAD",
        "START",
    ]
)
BEFORE_TARGET = frozenset({"FROM", "INTO", "UPDATE", "JOIN", "TABLE"})
_NOT_TARGET = frozenset({"SELECT", "LATERAL", "SET", "VALUES", "UNNEST"})
#: Words between such a one and its target.
_BETWEEN = frozenset({"IF", "NOT", "EXISTS", "ONLY"})
#: Systems whose statements are a command and its operands: the command alone is told.
_COMMANDS = frozenset({"redis", "memcached", "valkey"})
#: Systems with a language of their own: `db.operation.name` and `db.collection.name` tell what they do.
_NO_SQL = frozenset(
    {"mongodb", "elasticsearch", "opensearch", "dynamodb", "aws.dynamodb", "couchdb", "neo4j", "azure.cosmosdb"}
)
_COMMAND = re.compile(r"\s*([A-Za-z][A-Za-z._]{0,30})(?:\s|$)")


def without_sql(statement: str, system: str) -> str | None:
    """The summary of a statement that is no SQL, by the product that it is for; None for all that may be SQL."""
    system = system.lower()
    if system in _COMMANDS:
        command = _COMMAND.match(statement)
        return command[1].upper() if command else ""
    return "" if system in _NO_SQL else None


def walked(text: str) -> Iterator[str]:
    """Operations and targets of SQL that has no literals and comments any more, and no quotes about names."""
    previous = ""
    for number, token in enumerate(_WORD.findall(text)):
        upper = token.upper()
        if number == 0 and upper not in _OPERATIONS:
            return
        is_start = upper in STARTS and previous not in NO_START_AFTER
        if number == 0 or is_start:
            yield upper
        elif upper in _BETWEEN:
            continue
        elif previous in BEFORE_TARGET and upper not in _NOT_TARGET and _NAME.fullmatch(token):
            yield token
        previous = "" if upper in STARTS and not (number == 0 or is_start) else upper


def joined(words: Iterable[str]) -> str:
    """A summary: whole words only, as many as fit."""
    summary = ""
    for word in words:
        longer = f"{summary} {word}".strip()
        if len(longer) > MAX_CHARACTERS:
            break
        summary = longer
    return summary
