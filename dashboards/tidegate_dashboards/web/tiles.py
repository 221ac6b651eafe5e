"""The big numbers on top of the overview, each with its line over time: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

from tidegate_dashboards import formats
from tidegate_dashboards.poller import Snapshot
from tidegate_dashboards.reader import Rows
from tidegate_dashboards.shape import daily, lines, total

__all__ = ["TILE_QUERIES", "Tile", "render", "sparkline", "tiles"]

TILE_QUERIES = (
    "daily_active",
    "monthly_active",
    "sessions",
    "requests",
    "latency",
    "agents",
    "agent_runs",
    "resources",
    "summary",
)
WIDTH, HEIGHT = 120, 32
COUNTED = ("persons", "cookieless")
MINUTE = 60
WARN_ERROR_RATE, BAD_ERROR_RATE = 0.01, 0.05


@dataclass(frozen=True)
class Tile:
    """A number, what it counts, a note beside it, and its values over time (None: not known)."""

    key: str
    label: str
    value: str
    note: str
    spark: tuple[float | None, ...] = ()
    tone: str = ""
    """`warn` or `bad` colours the number."""


def tiles(snapshot: Snapshot) -> list[Tile]:
    """The eight tiles, in order. Until its query has answered, a tile shows a dash: nothing known is not zero."""
    made = (
        ("daily_active", _daily),
        ("monthly_active", _monthly),
        ("sessions", _sessions),
        ("agents", _agents),
        ("requests", _requests),
        ("requests", _error_rate),
        ("summary", _latency),
        ("resources", _resources),
    )
    return [_known(make(snapshot), query in snapshot.results) for query, make in made]


def _known(tile: Tile, answered: bool) -> Tile:
    return tile if answered else replace(tile, value=formats.compact(None), note="", spark=(), tone="")


def _rows(snapshot: Snapshot, query: str) -> Rows:
    return snapshot.results.get(query, Rows())


def _spark(
    snapshot: Snapshot, query: str, column: str, empty: float | None, least_step: int = 0
) -> tuple[float | None, ...]:
    found = lines(_rows(snapshot, query), snapshot.span, lambda row: "", column, empty=empty, least_step=least_step)
    return tuple(point[1] for point in found.get("", []))


def _daily(snapshot: Snapshot) -> Tile:
    points = [point[1] or 0 for point in daily(_rows(snapshot, "daily_active"), "persons", snapshot.at, 14)]
    unnamed = daily(_rows(snapshot, "daily_active"), "cookieless", snapshot.at, 1)[0][1] or 0
    note = f"today (UTC) · yesterday {formats.compact(points[-2])}"
    note += f" · {formats.compact(unnamed)} of them without consent" if unnamed else ""
    return Tile("dau", "Daily active persons", formats.compact(points[-1]), note, tuple(points))


def _monthly(snapshot: Snapshot) -> Tile:
    rows, now = _rows(snapshot, "monthly_active"), f"{snapshot.at:%Y-%m}"
    months = {str(row["month"])[:7]: row["persons"] for row in rows}
    # Visitors without consent have another name each day: in a day's number, but not in a month's.
    named, unnamed = (daily(_rows(snapshot, "daily_active"), column, snapshot.at, 1)[0][1] or 0 for column in COUNTED)
    # Who is active today is active this month: a month asked for a moment before the day may not know the latest yet.
    this = max(float(months.get(now, 0)), named - unnamed)
    stick = f" · {formats.percent((named - unnamed) / this)} of them today" if this else ""
    left = sum(float(row["cookieless"]) for row in rows if str(row["month"])[:7] == now)
    without = f" · without {formats.compact(left)} visitors of one day (no consent)" if left else ""
    return Tile("mau", "Monthly active persons", formats.compact(this), f"in {snapshot.at:%B}{stick}{without}",
                tuple(float(value) for value in months.values()))  # fmt: skip


def _sessions(snapshot: Snapshot) -> Tile:
    rows = _rows(snapshot, "sessions")
    count = total(rows, "sessions")
    lengths = sorted(float(row["median_seconds"] or 0) for row in rows)
    note = f"median {formats.duration(lengths[len(lengths) // 2])}" if lengths else "none began"
    return Tile(
        "sessions", "Sessions", formats.compact(count), note, _spark(snapshot, "sessions", "sessions", 0, MINUTE)
    )


def _agents(snapshot: Snapshot) -> Tile:
    rows = _rows(snapshot, "agents")
    runs, failures, installs = (total(rows, column) for column in ("ran", "failed", "installed"))
    note = f"{formats.compact(installs)} installs · {formats.compact(failures)} failed runs"
    return Tile(
        "agent-runs",
        "Agent runs",
        formats.compact(runs),
        note,
        tuple(float(row["ran"]) for row in _rows(snapshot, "agent_runs")),
    )


def _requests(snapshot: Snapshot) -> Tile:
    count = total(_rows(snapshot, "requests"), "requests")
    pace = formats.compact(count / snapshot.span.minutes)
    return Tile("requests", "Requests", formats.compact(count), f"{pace} a minute",
                _spark(snapshot, "requests", "requests", 0))  # fmt: skip


def _error_rate(snapshot: Snapshot) -> Tile:
    rows = _rows(snapshot, "requests")
    requests, failed = total(rows, "requests"), total(rows, "server_errors")
    rate = failed / requests if requests else None
    tone = "" if rate is None or rate < WARN_ERROR_RATE else ("warn" if rate < BAD_ERROR_RATE else "bad")
    note = f"{formats.compact(failed)} failed · {formats.compact(total(rows, 'exceptions'))} exceptions"
    return Tile("error-rate", "Error rate", formats.percent(rate), note,
                _spark(snapshot, "requests", "server_errors", 0), tone)  # fmt: skip


def _latency(snapshot: Snapshot) -> Tile:
    whole: dict[str, Any] = _rows(snapshot, "summary").one() or {}
    note = f"p50 {formats.duration(whole.get('p50'))} · p99 {formats.duration(whole.get('p99'))}"
    return Tile("latency", "Latency p95", formats.duration(whole.get("p95")), note,
                _spark(snapshot, "latency", "p95", None))  # fmt: skip


def _resources(snapshot: Snapshot) -> Tile:
    latest: dict[str, dict[str, Any]] = {row["service"]: row for row in _rows(snapshot, "resources")}
    measured = [float(row["cpu"]) for row in latest.values() if row["cpu"] is not None]
    memory = [float(row["memory"]) for row in latest.values() if row["memory"] is not None]
    note = f"{formats.byte_size(sum(memory))} of memory" if memory else "memory not measured"
    spark: dict[str, float] = {}
    for row in _rows(snapshot, "resources"):
        spark[row["time"]] = spark.get(row["time"], 0.0) + float(row["cpu"] or 0)
    return Tile("cpu", "CPU", formats.percent(sum(measured)) if measured else formats.percent(None), note,
                tuple(spark.values()))  # fmt: skip


def sparkline(values: Sequence[float | None]) -> str:
    """A line of values as SVG, over a faint area. Gaps stay gaps; nothing for all zeros or fewer than two values."""
    known = [value for value in values if value is not None]
    if len(known) < 2 or not any(known):
        return ""
    top = max(*known, 1e-12)
    step = WIDTH / max(len(values) - 1, 1)
    parts: list[list[str]] = [[]]
    for index, value in enumerate(values):
        if value is None:
            parts.append([])
        else:
            parts[-1].append(f"{index * step:.1f},{HEIGHT - 2 - (HEIGHT - 4) * max(value, 0) / top:.1f}")
    drawn = [points for points in parts if len(points) > 1]
    line = "".join(f'<polyline class="spark-line" points="{" ".join(points)}"/>' for points in drawn)
    area = "".join(
        f'<polygon class="spark-area" points="{points[0].split(",")[0]},{HEIGHT} {" ".join(points)} '
        f'{points[-1].split(",")[0]},{HEIGHT}"/>'
        for points in drawn
    )
    return (
        f'<svg class="spark" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" aria-hidden="true">'
        f"{area}{line}</svg>"
    )


def render(tile: Tile) -> str:
    """The tile's HTML."""
    return (
        f'<div class="tile-label">{escape(tile.label)}</div>'
        f'<div class="tile-value {tile.tone}" data-testid="tile-{tile.key}">{escape(tile.value)}</div>'
        f'<div class="tile-note">{escape(tile.note)}</div>{sparkline(tile.spark)}'
    )
