"""Summaries of database statements: operations and their targets, no literals. OpenTelemetry's `db.query.summary`.

A statement that the parser takes is read by it. One that it doesn't, or that is too long or nested too deep to be worth
its time, is scanned up to the first character that could begin a literal or a comment.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

from tidegate.foreign.otel.statements import joined, walked, without_sql

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
_PLACEHOLDER = re.compile(r"%(?:\(\w+\))?s")
_DOLLAR_QUOTE = re.compile(r"\$\w*\$")
#: Dialects whose parser knows that what stands between `$tag$` and `$tag$` is a literal; others take it for a name.
_DOLLAR_QUOTING = frozenset({"postgres", "redshift", "duckdb", "clickhouse"})
_AMBIGUOUS = re.compile(r"['\"`\[$#\\{]|--|/\*")


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
        if (told := without_sql(statement, system)) is not None:
            return told
        if len(statement) > PARSED_CHARACTERS:
            return joined(_scan(statement))
        return self._parsed(statement, DIALECTS.get(system.lower(), ""))

    def _summary(self, statement: str, dialect: str) -> str:
        understood = dialect in _DOLLAR_QUOTING or not _DOLLAR_QUOTE.search(statement)
        parsed = understood and self._affords(len(statement))
        words = _parsed_words(_PLACEHOLDER.sub("?", statement), dialect) if parsed else None
        return joined(_scan(statement) if words is None else words)

    def _affords(self, characters: int) -> bool:
        now = self._clock()
        self._left = min(BURST_CHARACTERS, self._left + (now - self._at) * CHARACTERS_PER_SECOND)
        self._at = now
        if characters > self._left:
            return False
        self._left -= characters
        return True


def _parsed_words(statement: str, dialect: str) -> list[str] | None:
    """As `sql.words`. The parser is loaded for the first statement, which waits a third of a second for it."""
    from tidegate_gateway import sql  # noqa: PLC0415 - 29 MB, for nothing where no SQL is sent

    return sql.words(statement, dialect)


def _scan(statement: str) -> Iterator[str]:
    """Operation and targets of the part that can hold no literal but numbers."""
    text = statement[:SCANNED_CHARACTERS]
    ambiguous = _AMBIGUOUS.search(text)
    return walked(text[: ambiguous.start()] if ambiguous else text)


_shared = Summariser()


def summarise(statement: str, system: str = "") -> str:
    """As `Summariser.summarise`, by the process's own one."""
    return _shared.summarise(statement, system)
