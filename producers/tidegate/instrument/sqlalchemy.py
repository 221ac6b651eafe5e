"""SQLAlchemy: `instrument(engine, client)`, a span for each query, and gauges of the engine's pool."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from tidegate.client import Client
from tidegate.instrument.statements import summarise
from tidegate.instruments import Attributes
from tidegate.spans import Span

_SPAN = "tidegate_span"
COUNT, MAX = "db.client.connection.count", "db.client.connection.max"
"""OpenTelemetry's names."""


def instrument(engine: Engine, client: Client, pool_name: str = "default") -> None:
    """Tell queries and pool use of an engine; of an async one give `engine.sync_engine`."""
    system = engine.dialect.name

    def before(_connection: Any, _cursor: Any, statement: str, _parameters: Any, context: Any, _many: bool) -> None:
        summary = summarise(statement)
        span = client.span(summary or system, "query")
        span.say(statement=summary, db_system=system)
        span.__enter__()
        if context is not None:
            setattr(context, _SPAN, span)

    def after(_connection: Any, _cursor: Any, _statement: str, _parameters: Any, context: Any, _many: bool) -> None:
        _over(context, None)

    def failed(context: Any) -> None:
        _over(context.execution_context, context.original_exception)

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    event.listen(engine, "handle_error", failed)
    client.gauge(COUNT, "{connection}", lambda: _connections(engine, pool_name))
    client.gauge(MAX, "{connection}", lambda: _most(engine, pool_name))


def _over(context: Any, error: BaseException | None) -> None:
    span = getattr(context, _SPAN, None)
    if isinstance(span, Span):
        delattr(context, _SPAN)
        span.leave()
        span.end(error)


def _connections(engine: Engine, pool_name: str) -> Iterator[tuple[float, Attributes]]:
    pool: Any = engine.pool
    name = {"db.client.connection.pool.name": pool_name}
    if hasattr(pool, "checkedout"):
        yield pool.checkedout(), {**name, "db.client.connection.state": "used"}
        yield pool.checkedin(), {**name, "db.client.connection.state": "idle"}


def _most(engine: Engine, pool_name: str) -> Iterator[tuple[float, Attributes]]:
    pool: Any = engine.pool
    overflow = getattr(pool, "_max_overflow", -1)
    if hasattr(pool, "size") and overflow >= 0:  # -1: as many as are asked for
        yield pool.size() + overflow, {"db.client.connection.pool.name": pool_name}
