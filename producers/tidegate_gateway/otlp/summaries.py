"""Points of Prometheus' summaries: quantiles can't be merged, so they are gauges; count and sum are counters. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry.proto.metrics.v1.metrics_pb2 import SummaryDataPoint

from tidegate.foreign.values import finite
from tidegate_gateway.errors import RefusedError
from tidegate_gateway.intake import Event
from tidegate_schemas.reasons import Reason

MAX_QUANTILES = 64

Part = tuple[str, Mapping[str, Any], Event]
"""Name, further attributes, and what was measured."""


def summary_parts(name: str, point: SummaryDataPoint) -> list[Part]:
    """`<name>_count` and `<name>_sum`, and a gauge `<name>` for each quantile, told by the attribute `quantile`.

    Quantiles without a value (NaN: nothing was measured lately) are left out. Raises RefusedError.
    """
    if len(point.quantile_values) > MAX_QUANTILES:
        raise RefusedError(Reason.OVERSIZE, "quantileValues", f"are more than {MAX_QUANTILES}")
    counter = {"instrument": "counter", "temporality": "cumulative"}
    parts: list[Part] = [
        (f"{name}_count", {}, {**counter, "value": float(point.count)}),
        (f"{name}_sum", {}, {**counter, "value": finite(point.sum, "sum")}),
    ]
    told = {value.quantile: value.value for value in point.quantile_values if value.value == value.value}
    for quantile, value in told.items():
        gauge = {"instrument": "gauge", "value": finite(value, "quantileValues")}
        parts.append((name, {"quantile": f"{quantile:g}"}, gauge))
    return parts
