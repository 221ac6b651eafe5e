"""Points of OpenTelemetry's metrics as fields of ours."""

from __future__ import annotations

from typing import Any

from opentelemetry.sdk.metrics.export import (
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    Metric,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import format_span_id, format_trace_id

from tidegate.foreign.otel import points, resources
from tidegate.foreign.otel.buckets import Exponential, Side, explicit
from tidegate.instrument.otel_values import moment, named
from tidegate_schemas.canonical import canonical_json


def point_fields(metric: Metric, point: Any, resource: Resource) -> dict[str, Any] | None:
    """A point's fields; None for a shape that we don't have. Raises UnfitError."""
    measured = _measured(metric, point)
    if measured is None:
        return None
    return {
        **resources.service_fields(named(resource.attributes)),
        "name": metric.name,
        "unit": metric.unit or "",
        "attributes": canonical_json(named(point.attributes)),
        "occurred_at": moment(point.time_unix_nano),
        "started_at": moment(point.start_time_unix_nano or point.time_unix_nano),
        "exemplars": points.exemplars(_exemplar(each) for each in point.exemplars if each.trace_id),
        **measured,
    }


def _measured(metric: Metric, point: Any) -> dict[str, Any] | None:
    match metric.data:
        case Gauge():
            return points.gauge(float(point.value))
        case Sum(aggregation_temporality=temporality, is_monotonic=is_monotonic):
            return points.total(float(point.value), temporality, is_monotonic=is_monotonic)
        case Histogram(aggregation_temporality=temporality):
            amounts = (point.count, float(point.sum))
            return points.histogram(amounts, point.explicit_bounds, point.bucket_counts, temporality)
        case ExponentialHistogram(aggregation_temporality=temporality):
            bounds, counts = explicit(_exponential(point))
            return points.histogram((point.count, float(point.sum)), bounds, counts, temporality)
    return None


def _exponential(point: ExponentialHistogramDataPoint) -> Exponential:
    """Its zero threshold is OpenTelemetry's default, as the SDK tells none."""
    positive, negative = (Side(each.offset, each.bucket_counts) for each in (point.positive, point.negative))
    return Exponential(point.scale, point.zero_count, 0.0, positive, negative)


def _exemplar(exemplar: Any) -> points.Exemplar:
    span_id = format_span_id(exemplar.span_id) if exemplar.span_id else ""
    at = exemplar.time_unix_nano // 1_000
    return points.Exemplar(at, span_id, format_trace_id(exemplar.trace_id), float(exemplar.value))
