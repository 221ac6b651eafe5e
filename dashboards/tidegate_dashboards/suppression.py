"""Rows about few people, left out of what is handed on: with something known from elsewhere they may name somebody."""

from __future__ import annotations

from dataclasses import replace

from tidegate_dashboards.catalogue import Query

__all__ = ["MINIMUM", "left_out", "without_few"]

MINIMUM = "minimum_subjects"


def without_few(query: Query) -> Query:
    """The query without rows about fewer people than its parameter `minimum_subjects` says, and more than none."""
    if not query.subjects:
        return query
    return _around(query, f"SELECT * FROM\n(\n{query.sql}\n)\nWHERE NOT ({_few(query)})")


def left_out(query: Query) -> Query:
    """How many rows that leaves out, in a column `rows`; only of a query with subjects."""
    return _around(query, f"SELECT count() AS rows FROM\n(\n{query.sql}\n)\nWHERE {_few(query)}")


def _around(query: Query, sql: str) -> Query:
    return replace(query, sql=sql, parameters={**query.parameters, MINIMUM: "UInt32"})


def _few(query: Query) -> str:
    """Of columns that our own query files name."""
    return " OR ".join(f"({column} > 0 AND {column} < {{{MINIMUM}:UInt32}})" for column in query.subjects)
