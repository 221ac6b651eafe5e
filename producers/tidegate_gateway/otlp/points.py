"""OTLP metric points as metric events: one event a point. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
)

from tidegate_gateway.errors import RefusedError
from tidegate_gateway.intake import Batch, Event
from tidegate_gateway.otlp.attributes import Origin, attributes
from tidegate_gateway.values import from_nanos
from tidegate_schemas.canonical import canonical_json
from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.reasons import Reason

MAX_BUCKETS = 1_024
_TEMPORALITIES: Mapping[int, str] = {
    AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA: "delta",
    AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE: "cumulative",
}

Point = NumberDataPoint | HistogramDataPoint | ExponentialHistogramDataPoint


def metric_batch(request: ExportMetricsServiceRequest, project: str) -> Batch:
    """All points of a request, good and bad."""
    batch, index = Batch("otlp"), 0
    for resource_metrics in request.resource_metrics:
        origin = Origin.of(resource_metrics.resource)
        for scope_metrics in resource_metrics.scope_metrics:
            instance_id = derived_event_id("otlp-instance", *origin.identity, scope_metrics.scope.name)
            for metric in scope_metrics.metrics:
                for point in _points(metric):
                    try:
                        event = point_event(metric, point, origin, instance_id, project)
                        batch.events.append(("metric", event))
                    except RefusedError as error:
                        batch.refuse(index, error, point.SerializeToString())
                    index += 1
                if metric.WhichOneof("data") == "summary":
                    batch.dropped["metric", Reason.UNSUPPORTED_ITEM] += len(metric.summary.data_points)
    return batch


def _points(metric: Metric) -> Iterator[Point]:
    kind = metric.WhichOneof("data")
    if kind is not None and kind != "summary":
        yield from getattr(metric, kind).data_points


def point_event(metric: Metric, point: Any, origin: Origin, instance_id: str, project: str) -> Event:
    """One point of an instance (resource and scope). Raises RefusedError."""
    labels = canonical_json(attributes(point.attributes))
    at, begun = point.time_unix_nano, point.start_time_unix_nano
    occurred_at = from_nanos(at, "timeUnixNano")
    identity = (instance_id, metric.name, labels, str(begun), str(at))
    return {
        **origin.fields,
        "event_id": derived_event_id("otlp-point", project, *identity),
        "name": metric.name,
        "occurred_at": occurred_at,
        "started_at": from_nanos(begun, "startTimeUnixNano") if begun else occurred_at,
        "unit": metric.unit,
        "instance_id": instance_id,
        "attributes": labels,
        **_values(metric, point),
    }


def _values(metric: Metric, point: Any) -> Event:
    kind = metric.WhichOneof("data")
    if kind == "gauge":
        return {"instrument": "gauge", "value": _number(point)}
    if kind == "sum":
        temporality = _temporality(metric.sum.aggregation_temporality)
        # An up-down counter's total is a level, not an amount.
        if not metric.sum.is_monotonic and temporality == "cumulative":
            return {"instrument": "gauge", "value": _number(point)}
        return {"instrument": "counter", "temporality": temporality, "value": _number(point)}
    if kind == "histogram":
        bounds, counts = list(point.explicit_bounds), list(point.bucket_counts)
        if len(counts) != len(bounds) + 1 and counts:
            raise RefusedError(Reason.INVALID_FIELD, "bucketCounts", "must be one more than explicitBounds")
        temporality = _temporality(metric.histogram.aggregation_temporality)
    else:
        bounds, counts = _explicit(point)
        temporality = _temporality(metric.exponential_histogram.aggregation_temporality)
    return {
        "instrument": "histogram",
        "temporality": temporality,
        "count": point.count,
        "sum": _finite(point.sum, "sum"),
        "bucket_bounds": [_finite(bound, "explicitBounds") for bound in bounds],
        "bucket_counts": counts,
    }


def _temporality(number: int) -> str:
    if number not in _TEMPORALITIES:
        raise RefusedError(Reason.INVALID_FIELD, "aggregationTemporality", "must be delta or cumulative")
    return _TEMPORALITIES[number]


def _number(point: NumberDataPoint) -> float:
    if point.WhichOneof("value") is None:
        raise RefusedError(Reason.MISSING_FIELD, "value", "asDouble or asInt must be given")
    return _finite(float(point.as_int if point.WhichOneof("value") == "as_int" else point.as_double), "value")


def _finite(value: float, field: str) -> float:
    if not math.isfinite(value):
        raise RefusedError(Reason.INVALID_FIELD, field, "must be a finite number")
    return value


def _explicit(point: ExponentialHistogramDataPoint) -> tuple[list[float], list[int]]:
    """An exponential histogram's buckets with explicit bounds; zero and negative values share the first."""
    positive = list(point.positive.bucket_counts)
    if len(positive) > MAX_BUCKETS:
        raise RefusedError(Reason.OVERSIZE, "bucketCounts", f"has more than {MAX_BUCKETS} buckets")
    first = point.zero_count + sum(point.negative.bucket_counts)
    growth = 2.0**-point.scale
    try:
        edges = [2.0 ** (growth * (point.positive.offset + number)) for number in range(len(positive) + 1)]
    except OverflowError:
        raise RefusedError(Reason.INVALID_FIELD, "scale", "gives buckets beyond the numbers that there are") from None
    return (edges, [first, *positive, 0]) if positive else ([], [first])
