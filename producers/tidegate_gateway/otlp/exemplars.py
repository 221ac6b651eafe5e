"""Exemplars of a metric's point: from a number to traces that it was measured in. Pure."""

from __future__ import annotations

from typing import Any

from tidegate.foreign.otel import points

_LOOKED_AT = 1_024


def exemplars(point: Any) -> str:
    """As `points.exemplars`, of those with a trace among the first."""
    return points.exemplars(_told(each) for each in getattr(point, "exemplars", [])[:_LOOKED_AT] if any(each.trace_id))


def _told(exemplar: Any) -> points.Exemplar:
    value = exemplar.as_int if exemplar.WhichOneof("value") == "as_int" else exemplar.as_double
    span_id = exemplar.span_id.hex() if len(exemplar.span_id) == 8 else ""
    return points.Exemplar(exemplar.time_unix_nano // 1_000, span_id, exemplar.trace_id.hex(), float(value))
