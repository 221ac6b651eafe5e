"""Summaries of database statements: operations and their targets, no literals. OpenTelemetry's `db.query.summary`.

A statement that the parser takes is read by it. One that it doesn't, or that is too long or nested too deep to be worth
its time, is scanned up to the first character that could begin a literal or a comment.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache

from tidegate_gateway import sql

MAX_CHARACTERS = 255
#: Longer statements are scanned, not parsed: the parser takes some 4 µs a character.
PARSED_CHARACTERS = 4_000
SCANNED_CHARACTERS = 2_000
#: What may be parsed at once and then in each second, summaries that are remembered aside: a tenth of a core.
BURST_CHARACTERS = 200_000
CHARACTERS_PER_SECOND = 25_000
REMEMBERED = 2_048

#: The parser's dialect by OpenTelemetry's `db.system.name` (old and new values); anything else is standard SQL.
DIALECTS: Mapping[str, str] = {
    "postgresql": "postgres",
    "cockroachdb": "postgres",
    "mysql": "mysql",
    "mariadb": "mysql",
    "sqlite": "sqlite",
    "mssql": "tsql",
    "microsoft.sql_server": "tsql",
    "oracle": "oracle",
    "oracle.db": "oracle",
    "clickhouse": "clickhouse",
    "snowflake": "snowflake",
    "redshift": "redshift",
    "aws.redshift": "redshift",
    "gcp.bigquery": "bigquery",
    "bigquery": "bigquery",
    "trino": "trino",
    "hive": "hive",
    "duckdb": "duckdb",
}
#: Systems whose statements are a command and its operands: the command alone is told.
_COMMANDS = frozenset({"redis", "memcached", "valkey"})
#: Systems with a language of their own: `db.operation.name` and `db.collection.name` tell what they do.
_NO_SQL = frozenset(
    {"mongodb", "elasticsearch", "opensearch", "dynamodb", "aws.dynamodb", "couchdb", "neo4j", "azure.cosmosdb"}
)
_COMMAND = re.compile(r"\s*([A-Za-z][A-Za-z._]{0,30})(?:\s|$)")
_PLACEHOLDER = re.compile(r"%(?:\(\w+\))?s")
_DOLLAR_QUOTE = re.compile(r"\$\w*\$")
#: Dialects whose parser knows that what stands between `$tag$` and `$tag$` is a literal; others take it for a name.
_DOLLAR_QUOTING = frozenset({"postgres", "redshift", "duckdb", "clickhouse"})
_AMBIGUOUS = re.compile(r"['\"`\[$#\\{]|--|/\*")
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
_BEFORE_TARGET = frozenset({"FROM", "INTO", "UPDATE", "JOIN", "TABLE"})
_NOT_TARGET = frozenset({"SELECT", "LATERAL", "ONLY", "IF", "EXISTS", "NOT", "SET", "VALUES", "UNNEST"})


class Summariser:
    """Summaries, with what parsing may cost bounded. `clock` tells seconds that never go back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left, self._at = float(BURST_CHARACTERS), clock()
        self._parsed = lru_cache(maxsize=REMEMBERED)(self._summary)

    def summarise(self, statement: str, system: str = "") -> str:
        """`SELECT agents accounts` for a query that reads from these tables; empty for what is no statement.

        At most 255 characters, whole words. `system`: the database product as OpenTelemetry names it.
        """
        system = system.lower()
        if system in _COMMANDS:
            command = _COMMAND.match(statement)
            return command[1].upper() if command else ""
        if system in _NO_SQL:
            return ""
        if len(statement) > PARSED_CHARACTERS:
            return _join(_scan(statement))
        return self._parsed(statement, DIALECTS.get(system, ""))

    def _summary(self, statement: str, dialect: str) -> str:
        understood = dialect in _DOLLAR_QUOTING or not _DOLLAR_QUOTE.search(statement)
        parsed = understood and self._affords(len(statement))
        words = sql.words(_PLACEHOLDER.sub("?", statement), dialect) if parsed else None
        return _join(_scan(statement) if words is None else words)

    def _affords(self, characters: int) -> bool:
        now = self._clock()
        self._left = min(BURST_CHARACTERS, self._left + (now - self._at) * CHARACTERS_PER_SECOND)
        self._at = now
        if characters > self._left:
            return False
        self._left -= characters
        return True


def _scan(statement: str) -> Iterator[str]:
    """Operation and targets of the part that can hold no literal but numbers."""
    text = statement[:SCANNED_CHARACTERS]
    ambiguous = _AMBIGUOUS.search(text)
    text = text[: ambiguous.start()] if ambiguous else text
    previous = ""
    for number, token in enumerate(_WORD.findall(text)):
        upper = token.upper()
        if number == 0 and upper not in _OPERATIONS:
            return
        if number == 0 or (upper in sql.STARTS and previous not in sql.NO_START_AFTER):
            yield upper
        elif previous in _BEFORE_TARGET and upper not in _NOT_TARGET and _NAME.fullmatch(token):
            yield token
        previous = upper


def _join(words: Iterable[str]) -> str:
    """Whole words only, as many as fit."""
    summary = ""
    for word in words:
        longer = f"{summary} {word}".strip()
        if len(longer) > MAX_CHARACTERS:
            break
        summary = longer
    return summary


_shared = Summariser()


def summarise(statement: str, system: str = "") -> str:
    """As `Summariser.summarise`, by the process's own one."""
    return _shared.summarise(statement, system)
