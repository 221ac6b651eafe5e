"""Any DB-API driver: `connection = traced(sqlite3.connect(…), client, "sqlite")`."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any

from tidegate.client import Client
from tidegate.instrument.statements import summarise


def traced(connection: Any, client: Client, db_system: str) -> Any:
    """The connection, each of whose queries is a span; all else is as it was."""
    return _Connection(connection, client, db_system)


class _Connection:
    def __init__(self, connection: Any, client: Client, db_system: str) -> None:
        self._traced, self._client, self._db_system = connection, client, db_system

    def __getattr__(self, name: str) -> Any:
        return getattr(self._traced, name)

    def cursor(self, *arguments: Any, **named: Any) -> Any:
        """A cursor whose queries are spans."""
        return _Cursor(self._traced.cursor(*arguments, **named), self._client, self._db_system)

    def __enter__(self) -> _Connection:
        self._traced.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Any:
        return self._traced.__exit__(kind, error, traceback)


class _Cursor:
    def __init__(self, cursor: Any, client: Client, db_system: str) -> None:
        self._traced, self._client, self._db_system = cursor, client, db_system

    def __getattr__(self, name: str) -> Any:
        return getattr(self._traced, name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._traced)

    def execute(self, statement: Any, *arguments: Any, **named: Any) -> Any:
        """See DB-API."""
        return self._spanned(self._traced.execute, statement, arguments, named)

    def executemany(self, statement: Any, *arguments: Any, **named: Any) -> Any:
        """See DB-API."""
        return self._spanned(self._traced.executemany, statement, arguments, named)

    def _spanned(self, execute: Any, statement: Any, arguments: Any, named: Any) -> Any:
        summary = summarise(str(statement))
        with self._client.span(summary or self._db_system, "query") as span:
            span.say(statement=summary, db_system=self._db_system)
            result = execute(statement, *arguments, **named)
        return self if result is self._traced else result

    def __enter__(self) -> _Cursor:
        self._traced.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> Any:
        return self._traced.__exit__(kind, error, traceback)
