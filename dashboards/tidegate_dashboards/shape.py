"""From rows to the points of a chart: pure, no gaps left to chance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from tidegate_dashboards.ranges import Span
from tidegate_dashboards.reader import Rows

__all__ = ["Point", "daily", "epoch", "lines", "total"]

Point = list[float | None]
"""[milliseconds since the epoch, value]; None leaves a gap."""
Row = dict[str, Any]


def epoch(text: str) -> int:
    """Seconds since the epoch of a time or a day as ClickHouse writes them (UTC)."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def lines(
    rows: Rows,
    span: Span,
    name: Callable[[Row], str],
    value: str,
    *,
    empty: float | None = None,
    least_step: int = 0,
) -> dict[str, list[Point]]:
    """One line a name, in order of first appearance, with a point for each step of the span.

    A step without a row gets `empty`: 0 for counts, None for rates and percentiles, which nobody knows then.
    `least_step` is the width of the rows' own windows where that is more than the span's step.
    """
    steps = span.points(max(span.step_seconds, least_step))
    known: dict[str, dict[int, float | None]] = {}
    for row in rows:
        known.setdefault(name(row), {})[epoch(row["time"])] = row[value]
    return {label: [[at * 1000, points.get(at, empty)] for at in steps] for label, points in known.items()}


def daily(rows: Rows, value: str, end: datetime, days: int) -> list[Point]:
    """A point for each of the days (UTC) up to `end`, 0 where there is no row."""
    known = {epoch(row["day"]): row[value] for row in rows}
    last = int(end.timestamp()) // 86_400 * 86_400
    return [[at * 1000, known.get(at, 0)] for at in range(last - (days - 1) * 86_400, last + 1, 86_400)]


def total(rows: Rows, value: str) -> float:
    """Sum of a column."""
    return sum(float(row[value]) for row in rows)


def values(points: Sequence[Point]) -> list[float | None]:
    """Only the values of points."""
    return [point[1] for point in points]
