"""Settings of the dashboard and of the alert evaluator, as the services get them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["AlertSettings", "DashboardSettings"]


@dataclass(frozen=True)
class DashboardSettings:
    """What the admin web app needs to run."""

    host: str = "127.0.0.1"
    port: int = 8090
    clickhouse_url: str = "http://127.0.0.1:8123"
    """ClickHouse's HTTP interface. Credentials, if any, are part of the URL."""
    gateway_url: str = "http://127.0.0.1:8080"
    """Where applications send events: shown on the onboarding page, never called from here."""
    write_key: str = "tidegate"
    """Public write key of the default project: shown on the onboarding page."""
    brokers: str = "127.0.0.1:9092"
    """Kafka for the Tidegate SDK: shown on the onboarding page, never connected to from here."""
    generation: int = 1
    """Generation of the topics that the SDK writes to."""
    project: str = "default"
    """Project id that the pages open with, as in the column `project`."""
    project_number: int = 1
    """Number of that project in a Sentry DSN."""
    refresh_seconds: float = 1.0
    """Pause between two polls while somebody watches. Slow polls lengthen it, see `poller`."""
    query_timeout_seconds: float = 10.0
    export_minimum_subjects: int = 5
    """Downloads leave rows out that are about fewer people."""
    chaos_path: Path | None = None
    """File in which a demo that kills processes says what that did; the overview shows it while it is fresh."""


@dataclass(frozen=True)
class AlertSettings:
    """What the alert evaluator needs to run."""

    state_dir: Path
    """Directory for `alerts.json`, which lets a restart neither repeat nor forget a notification."""
    clickhouse_url: str = "http://127.0.0.1:8123"
    rules_path: Path | None = None
    """TOML file with rules; the rules that come with Tidegate if None."""
    webhook_url: str | None = None
    """Gets each transition in Alertmanager's webhook shape; transitions are only logged if None."""
    interval_seconds: float = 10.0
    metrics_host: str = "127.0.0.1"
    metrics_port: int = 0
    """Serves /healthz and /metrics; 0 lets the system pick."""
    dashboard_url: str = ""
    """Link that notifications carry, so that a pager leads somewhere."""
    project: str = "default"
    query_timeout_seconds: float = 10.0
