"""Alert rules: a pure evaluator, a notifier in Alertmanager's webhook shape, and the service around them."""

from tidegate_dashboards.alerts.service import run
from tidegate_dashboards.settings import AlertSettings

__all__ = ["AlertSettings", "run"]
