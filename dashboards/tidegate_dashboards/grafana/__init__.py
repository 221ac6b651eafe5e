"""Grafana as code: a data source, a provider and a dashboard, generated as provisioning files, never committed.

`write(directory, clickhouse_url)` makes the files; `python -m tidegate_dashboards.grafana DIRECTORY` does so by hand.
"""

from tidegate_dashboards.grafana.files import write
from tidegate_dashboards.grafana.macros import expand
from tidegate_dashboards.grafana.panels import DASHBOARD_UID, PANELS, Panel, dashboard

__all__ = ["DASHBOARD_UID", "PANELS", "Panel", "dashboard", "expand", "write"]
