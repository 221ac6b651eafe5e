"""Prometheus metrics of the dashboard and of the alert evaluator, each in a registry of its own."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

__all__ = ["AlertMetrics", "DashboardMetrics"]


class DashboardMetrics:
    """What the admin web app counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.watchers = Gauge("tidegate_dashboard_watchers", "Pages open and visible now", registry=self.registry)
        self.poll_seconds = Histogram(
            "tidegate_dashboard_poll_seconds", "Duration of a round of queries", registry=self.registry
        )
        self.failures = Counter(
            "tidegate_dashboard_query_failures_total",
            "Queries without an answer: away (no ClickHouse), empty (no tables), query (an error)",
            ["kind"],
            registry=self.registry,
        )
        self.exports = Counter(
            "tidegate_dashboard_exports_total", "Downloads begun", ["chart", "format"], registry=self.registry
        )
        self.exported_bytes = Counter(
            "tidegate_dashboard_exported_bytes_total", "Bytes of downloads", registry=self.registry
        )


class AlertMetrics:
    """What the alert evaluator counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.evaluations = Counter(
            "tidegate_alerts_evaluations_total",
            "Evaluations by rule and result (ok, failed)",
            ["rule", "result"],
            registry=self.registry,
        )
        self.active = Gauge(
            "tidegate_alerts_active", "Alerts by rule and state", ["rule", "state"], registry=self.registry
        )
        self.notifications = Counter(
            "tidegate_alerts_notifications_total",
            "Notifications by result (sent, failed)",
            ["result"],
            registry=self.registry,
        )
        self.last_evaluation = Gauge(
            "tidegate_alerts_last_evaluation_timestamp_seconds", "When a round last ended", registry=self.registry
        )
