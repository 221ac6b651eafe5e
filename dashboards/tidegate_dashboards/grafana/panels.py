"""The overview dashboard: its panels, each with a query of queries/, as Grafana's JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tidegate_dashboards.catalogue import load

__all__ = ["DASHBOARD_UID", "DATASOURCE_TYPE", "DATASOURCE_UID", "PANELS", "Panel", "dashboard"]

DASHBOARD_UID = "tidegate-overview"
DATASOURCE_UID = "tidegate-clickhouse"
DATASOURCE_TYPE = "grafana-clickhouse-datasource"
SCHEMA_VERSION = 39
SOURCE = {"type": DATASOURCE_TYPE, "uid": DATASOURCE_UID}
TIME_SERIES, TABLE = 0, 1
COLUMNS = 24

Json = dict[str, Any]
TRACE: Json = {
    "name": "trace",
    "label": "Trace id",
    "type": "textbox",
    "query": "",
    "current": {"text": "", "value": ""},
}


@dataclass(frozen=True)
class Panel:
    """A panel: `kind` is Grafana's, `unit` one of Grafana's units, `width` of 24 columns, `height` in grid rows."""

    title: str
    query: str
    kind: str = "timeseries"
    unit: str = "short"
    width: int = 12
    height: int = 8
    stacked: bool = False
    traces: str = ""
    """Column of a table whose values are trace ids: a click shows the trace's spans on the same dashboard."""


PANELS: tuple[Panel, ...] = (
    Panel("Daily active persons", "daily_active", "stat", width=4, height=4),
    Panel("Monthly active persons", "monthly_active", "stat", width=4, height=4),
    Panel("Sessions", "sessions", "stat", width=4, height=4),
    Panel("Requests", "requests_total", "stat", width=4, height=4),
    Panel("Error rate", "error_rate_total", "stat", "percentunit", width=4, height=4),
    Panel("Latency p95", "latency_total", "stat", "s", width=4, height=4),
    Panel("API health", "endpoint_health", "table", width=24),
    Panel("Requests by outcome", "requests", unit="reqps", stacked=True),
    Panel("Error rate by endpoint", "error_rate", unit="percentunit"),
    Panel("Latency p95 by endpoint", "endpoint_latency", unit="s"),
    Panel("Latency of all requests", "latency", unit="s"),
    Panel("Query latency p95 by statement", "query_latency", unit="s"),
    Panel("Slowest traces", "slow_traces", "table", "s", width=12, traces="trace"),
    Panel("Spans of the trace", "trace_spans", "table", "s", width=12),
    Panel("Connection pool", "pool_use"),
    Panel("CPU by service", "cpu", unit="percentunit"),
    Panel("Memory by service", "memory", unit="decbytes"),
    Panel("Agents", "agents", "table", width=24),
    Panel("Consent", "consents", "table", width=24),
    Panel("Ledger", "ledger", "table", width=24),
)


def dashboard() -> Json:
    """The dashboard's JSON. The same every time."""
    return {
        "uid": DASHBOARD_UID,
        "title": "Tidegate overview",
        "description": "Product use and API health from Tidegate's views in ClickHouse.",
        "tags": ["tidegate"],
        "timezone": "browser",
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [_project(), TRACE]},
        "annotations": {"list": []},
        "panels": _placed(),
    }


def _placed() -> list[Json]:
    """Panels from left to right, a new row when one is full."""
    placed: list[Json] = []
    x = y = row = 0
    for number, panel in enumerate(PANELS, start=1):
        if x + panel.width > COLUMNS:
            x, y, row = 0, y + row, 0
        placed.append(_panel(number, panel, {"x": x, "y": y, "w": panel.width, "h": panel.height}))
        x, row = x + panel.width, max(row, panel.height)
    return placed


def _panel(number: int, panel: Panel, place: Json) -> Json:
    query = load("tidegate_dashboards.grafana.queries")[panel.query]
    series = panel.kind == "timeseries"
    return {
        "id": number,
        "title": panel.title,
        "description": query.description,
        "type": panel.kind,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": 0, "custom": _style(panel)},
            "overrides": _links(panel),
        },
        "options": _options(panel),
        "targets": [
            {
                "refId": "A",
                "datasource": SOURCE,
                "editorType": "sql",
                "queryType": "timeseries" if series else "table",
                "format": TIME_SERIES if series else TABLE,
                "rawSql": query.sql,
            }
        ],
    }


def _links(panel: Panel) -> list[Json]:
    if not panel.traces:
        return []
    here = f"/d/{DASHBOARD_UID}?${{__url_time_range}}&var-project=${{project}}&var-trace=${{__value.raw}}"
    link = {"title": "Show its spans", "url": here}
    matcher = {"id": "byName", "options": panel.traces}
    return [{"matcher": matcher, "properties": [{"id": "links", "value": [link]}]}]


def _style(panel: Panel) -> Json:
    if panel.kind != "timeseries":
        return {}
    stacking = {"mode": "normal" if panel.stacked else "none", "group": "A"}
    return {"lineWidth": 2, "fillOpacity": 20 if panel.stacked else 6, "showPoints": "never", "stacking": stacking}


def _options(panel: Panel) -> Json:
    if panel.kind == "stat":
        return {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "graphMode": "area"}
    if panel.kind == "table":
        return {"showHeader": True, "cellHeight": "sm"}
    return {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}}


def _project() -> Json:
    return {
        "name": "project",
        "label": "Project",
        "type": "query",
        "datasource": SOURCE,
        "query": load("tidegate_dashboards.grafana.queries")["projects"].sql,
        "refresh": 2,
        "includeAll": False,
        "multi": False,
        "current": {"text": "default", "value": "default", "selected": True},
    }
