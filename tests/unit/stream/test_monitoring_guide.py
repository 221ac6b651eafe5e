"""The monitoring guide knows the worker's metrics, and no others."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import REGISTRY

import tidegate_stream.observability  # noqa: F401 - registers the metrics

GUIDE = Path("docs/operations/monitoring-guide.md")
#: Told by the supervisor's own registry.
OF_THE_SUPERVISOR = {"tidegate_service_restarts_total"}
#: How much there was, not how well it went.
NOT_FOR_ALERTS = {"tidegate_stream_records_total", "tidegate_stream_position", "tidegate_stream_chunk_records"}


def metrics() -> set[str]:
    """Of the stream, by the names that Prometheus sees."""
    found = set()
    for family in REGISTRY.collect():
        if family.name.startswith(("tidegate_stream", "tidegate_gate_", "tidegate_reconciliation")):
            found.add(f"{family.name}_total" if family.type == "counter" else family.name)
    return found


def test_the_guide_explains_every_metric_that_may_be_alarming() -> None:
    named = set(re.findall(r"^\| `(tidegate_\w+)`", GUIDE.read_text(encoding="utf-8"), re.M))
    assert named - OF_THE_SUPERVISOR == metrics() - NOT_FOR_ALERTS
