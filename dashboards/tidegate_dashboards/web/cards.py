"""The charts of the overview page: what each asks, shows, and says while there is nothing to show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tidegate_dashboards import formats
from tidegate_dashboards.poller import Snapshot
from tidegate_dashboards.reader import Rows
from tidegate_dashboards.shape import daily, lines
from tidegate_dashboards.web.charts import (
    Options,
    bars,
    categories,
    category_frame,
    curves,
    time_frame,
    window,
)
from tidegate_dashboards.web.palette import Palette

__all__ = ["CARDS", "SECTIONS", "Card", "Section"]

Row = dict[str, Any]
PERCENTILES = ("p50", "p95", "p99")
MINUTE = 60
ACTIVE_DAYS = 30


@dataclass(frozen=True)
class Card:
    """A chart on the page. `key` is also its part of the page's address and of test ids."""

    key: str
    title: str
    question: str
    query: str
    frame: Callable[[Palette], Options]
    data: Callable[[Rows, Snapshot, Palette, str], Options]
    """The part of the options that the rows decide. The last argument is the choice taken, if there are `choices`."""
    empty: str
    width: int = 6
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """Cards under one heading."""

    title: str
    cards: tuple[Card, ...]


def _active(rows: Rows, snapshot: Snapshot, colours: Palette, _: str) -> Options:
    points = daily(rows, "persons", snapshot.at, ACTIVE_DAYS)
    edge = 43_200_000
    ends = {"min": (points[0][0] or 0) - edge, "max": (points[-1][0] or 0) + edge}
    return {"xAxis": ends, "series": bars({"Persons": points}, colours.series, stack=None)}


def _sessions(rows: Rows, snapshot: Snapshot, colours: Palette, _: str) -> Options:
    found = lines(rows, snapshot.span, lambda row: "Sessions", "sessions", empty=0, least_step=MINUTE)
    return {"xAxis": window(snapshot.span), "series": bars(found, colours.series[1:], stack=None)}


def _agents(rows: Rows, _: Snapshot, colours: Palette, __: str) -> Options:
    found = list(rows)[:6]
    numbers = {
        label: [float(row[column]) for row in found]
        for label, column in (("Runs", "ran"), ("Failed runs", "failed"), ("Installs", "installed"))
    }
    return categories([row["agent"] for row in found], numbers, (colours.series[0], colours.bad, colours.series[1]))


def _requests(rows: Rows, snapshot: Snapshot, colours: Palette, _: str) -> Options:
    outcomes = {"Answered": "successes", "Refused (4xx)": "client_errors", "Failed (5xx)": "server_errors"}
    found = {
        label: points
        for label, column in outcomes.items()
        for points in lines(rows, snapshot.span, lambda row: "all", column, empty=0).values()
    }
    return {"xAxis": window(snapshot.span), "series": bars(found, (colours.series[1], colours.warn, colours.bad))}


def _error_rate(rows: Rows, snapshot: Snapshot, colours: Palette, _: str) -> Options:
    found = lines(rows, snapshot.span, labels(rows), "error_rate")
    return {"xAxis": window(snapshot.span), "series": curves(found, colours.series)}


def _latency(rows: Rows, snapshot: Snapshot, colours: Palette, _: str) -> Options:
    found = {
        percentile: points
        for percentile in PERCENTILES
        for points in lines(rows, snapshot.span, lambda row: "all", percentile).values()
    }
    return {"xAxis": window(snapshot.span), "series": curves(found, (colours.series[0], colours.warn, colours.bad))}


def _endpoint_latency(rows: Rows, snapshot: Snapshot, colours: Palette, percentile: str) -> Options:
    found = lines(rows, snapshot.span, labels(rows), percentile)
    return {"xAxis": window(snapshot.span), "series": curves(found, colours.series)}


def _queries(rows: Rows, snapshot: Snapshot, colours: Palette, percentile: str) -> Options:
    found = lines(rows, snapshot.span, lambda row: row["statement"] or row["db_system"] or "query", percentile)
    return {"xAxis": window(snapshot.span), "series": curves(found, colours.series)}


def _pools(rows: Rows, snapshot: Snapshot, colours: Palette, _: str) -> Options:
    several = len({(row["service"], row["pool"]) for row in rows}) > 1

    def part(label: str) -> Callable[[Row], str]:
        return lambda row: f"{label} · {row['pool'] or row['service']}" if several else label

    used = lines(rows, snapshot.span, part("In use"), "in_use", least_step=MINUTE)
    idle = lines(rows, snapshot.span, part("Idle"), "unused", least_step=MINUTE)
    limits = lines(rows, snapshot.span, part("Limit"), "limit", least_step=MINUTE)
    limits = {name: points for name, points in limits.items() if any(point[1] for point in points)}
    series = [
        *curves(used, colours.series, area=True),
        *curves(idle, colours.series[len(used) :]),
        *({**limit, "lineStyle": {"width": 1.5, "type": "dashed"}} for limit in curves(limits, (colours.muted,))),
    ]
    return {"xAxis": window(snapshot.span), "series": series}


def _by_service(column: str) -> Callable[[Rows, Snapshot, Palette, str], Options]:
    def data(rows: Rows, snapshot: Snapshot, colours: Palette, _: str) -> Options:
        measured = Rows(rows.columns, [row for row in rows.values if row[rows.columns.index(column)] is not None])
        found = lines(measured, snapshot.span, lambda row: row["service"] or "service", column, least_step=MINUTE)
        return {"xAxis": window(snapshot.span), "series": curves(found, colours.series, area=True)}

    return data


def labels(rows: Rows) -> Callable[[Row], str]:
    """Names endpoints by method and route, and by service too where there is more than one."""
    several = len({row["service"] for row in rows}) > 1
    return lambda row: (
        f"{row['service']} · {formats.endpoint(row['method'], row['route'])}"
        if several
        else formats.endpoint(row["method"], row["route"])
    )


NO_TRACK = "No product events yet. Send one with any Segment library or the Tidegate SDK."
NO_REQUESTS = "No requests in this range. Send server spans with OpenTelemetry, or transactions with a Sentry SDK."
NO_QUERIES = "No database queries in this range. Instrument your database client with OpenTelemetry."
NO_METRICS = "No measurements in this range. Export {} with OpenTelemetry metrics."

SECTIONS: tuple[Section, ...] = (
    Section(
        "Product",
        (
            Card("active", "Active persons", "Persons a day (UTC), 30 days", "daily_active",
                 lambda colours: time_frame(colours, "count", most=4), _active, NO_TRACK, 4),
            Card("sessions", "Sessions", "Sessions by the time they began", "sessions",
                 lambda colours: time_frame(colours, "count", most=4), _sessions, NO_TRACK, 4),
            Card("agents", "Agents", "Installs and runs", "agents",
                 lambda colours: category_frame(colours, "count"), _agents,
                 "No agent was installed or run. Give your events a property “agent”.", 4),
        ),
    ),
    Section(
        "Reliability",
        (
            Card("requests", "Requests", "By outcome", "requests",
                 lambda colours: time_frame(colours, "count", most=4), _requests, NO_REQUESTS),
            Card("error-rate", "Error rate by endpoint", "Share of requests that failed on the server", "error_rate",
                 lambda colours: time_frame(colours, "share", most=0.05), _error_rate, NO_REQUESTS),
            Card("latency", "Latency", "All requests", "latency",
                 lambda colours: time_frame(colours, "seconds"), _latency, NO_REQUESTS),
            Card("endpoint-latency", "Latency by endpoint", "The eight busiest endpoints", "endpoint_latency",
                 lambda colours: time_frame(colours, "seconds"), _endpoint_latency, NO_REQUESTS, 6, PERCENTILES),
        ),
    ),
    Section(
        "Resources",
        (
            Card("queries", "Query latency", "The six statements that take most time", "query_latency",
                 lambda colours: time_frame(colours, "seconds"), _queries, NO_QUERIES, 6, PERCENTILES),
            Card("pools", "Connection pool", "Connections by state", "pool_use",
                 lambda colours: time_frame(colours, "count", most=4), _pools,
                 NO_METRICS.format("db.client.connection.count")),
            Card("cpu", "CPU", "Utilisation by service", "resources",
                 lambda colours: time_frame(colours, "share", most=0.05), _by_service("cpu"),
                 NO_METRICS.format("process.cpu.utilization")),
            Card("memory", "Memory", "Resident memory by service", "resources",
                 lambda colours: time_frame(colours, "bytes"), _by_service("memory"),
                 NO_METRICS.format("process.memory.usage")),
        ),
    ),
)  # fmt: skip

CARDS: Mapping[str, Card] = {card.key: card for section in SECTIONS for card in section.cards}
