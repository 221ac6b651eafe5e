"""The monitoring guide knows the worker's metrics, and no others."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import REGISTRY

import tidegate_stream.observability  # noqa: F401 - registers the metrics

GUIDE = Path("docs/operations/monitoring-guide.md")
#: Told by the supervisor's own registry.
OF_THE_SUPERVISOR = {
    "tidegate_service_restarts_total",
    "tidegate_job_failures_total",
    "tidegate_job_success_timestamp_seconds",
}
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
    of_gateway = {name for name in named if name.startswith("tidegate_gateway")}
    assert named - OF_THE_SUPERVISOR - of_gateway == metrics() - NOT_FOR_ALERTS
    source = "".join(path.read_text(encoding="utf-8") for path in Path("producers/tidegate_gateway").glob("*.py"))
    assert [name for name in of_gateway if f'"{name.removesuffix("_total")}' not in source] == []
    supervisor = Path("infra/tidegate_infra/metrics.py").read_text(encoding="utf-8")
    assert [name for name in OF_THE_SUPERVISOR if f'"{name.removesuffix("_total")}"' not in supervisor] == []
