"""The table of endpoints: state with its reason and since when, requests, error rate, percentiles. Pure."""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import Any

from tidegate_dashboards import formats
from tidegate_dashboards.poller import Snapshot
from tidegate_dashboards.reader import Rows

__all__ = ["HEALTH_QUERIES", "STATES", "counts", "table"]

HEALTH_QUERIES = ("endpoint_health", "endpoints")
STATES = {"down": "Down", "degraded": "Degraded", "ok": "OK", "no data": "No data"}
COLUMNS = ("State", "Endpoint", "Requests", "Error rate", "p50", "p95", "p99", "Why", "Since")
EMPTY = "No endpoint has been called yet. Send server spans with OpenTelemetry, or transactions with a Sentry SDK."

Row = dict[str, Any]
Key = tuple[str, str, str]


def counts(rows: Rows) -> dict[str, int]:
    """How many endpoints are in each state, the worst state first."""
    found = dict.fromkeys(STATES, 0)
    for row in rows:
        found[row["state"]] = found.get(row["state"], 0) + 1
    return found


def summary(rows: Rows) -> str:
    """One chip for each state that an endpoint is in."""
    return "".join(
        f'<span class="count">{_chip(state)}<b>{number}</b></span>' for state, number in counts(rows).items() if number
    )


def table(snapshot: Snapshot) -> str:
    """The table's HTML, or what to do when there is no endpoint."""
    health = snapshot.results.get("endpoint_health", Rows())
    if not len(health):
        return f'<div class="empty"><p>{EMPTY}</p><a href="/start">Get started</a></div>'
    measured: dict[Key, Row] = {_key(row): row for row in snapshot.results.get("endpoints", Rows())}
    several = len({row["service"] for row in health}) > 1
    body = "".join(_line(row, measured.get(_key(row), {}), snapshot.at, several) for row in health)
    head = "".join(f'<th scope="col" class="{_align(name)}">{name}</th>' for name in COLUMNS)
    return f'<table class="health"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _line(row: Row, measured: Row, now: datetime, several: bool) -> str:
    name = formats.endpoint(row["method"], row["route"])
    service = f'<span class="service">{escape(row["service"])}</span>' if several else ""
    rate = measured.get("error_rate")
    since = formats.when(row["since"])
    stamp = (
        f'<time datetime="{since:%Y-%m-%dT%H:%M:%SZ}">{formats.ago(since, now)}</time>' if since else formats.NOTHING
    )
    return (
        f'<tr data-endpoint="{escape(name, quote=True)}"><td>{_chip(row["state"])}</td>'
        f'<th scope="row"><code>{escape(name)}</code>{service}</th>'
        f'<td class="number">{formats.compact(measured.get("requests"))}</td>'
        f'<td class="number {_tone(rate)}">{formats.percent(rate)}</td>'
        f'<td class="number">{formats.duration(measured.get("p50"))}</td>'
        f'<td class="number">{formats.duration(measured.get("p95"))}</td>'
        f'<td class="number"{_trace(measured)}>{formats.duration(measured.get("p99"))}</td>'
        f'<td class="why">{escape(row["reason"] or "")}</td><td class="since">{stamp}</td></tr>'
    )


def _trace(measured: Row) -> str:
    """Which trace to read, as a tooltip: that of the slowest request."""
    if not measured.get("trace"):
        return ""
    said = f"slowest {formats.duration(measured.get('slowest'))}: trace {measured['trace']}"
    return f' title="{escape(said, quote=True)}"'


def _chip(state: str) -> str:
    kind = state.replace(" ", "-") if state in STATES else "no-data"
    return f'<span class="chip {kind}">{escape(STATES.get(state, state))}</span>'


def _key(row: Row) -> Key:
    return row["service"], row["method"], row["route"]


def _tone(rate: Any) -> str:
    if not isinstance(rate, int | float) or rate < 0.01:
        return ""
    return "warn" if rate < 0.05 else "bad"


def _align(name: str) -> str:
    return "number" if name in {"Requests", "Error rate", "p50", "p95", "p99"} else ""
