"""OTLP metric points as metric events. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    DataPointFlags,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    SummaryDataPoint,
)

from tidegate_gateway.errors import RefusedError
from tidegate_gateway.intake import Batch, Event
from tidegate_gateway.otlp.attributes import Origin, Values
from tidegate_gateway.otlp.buckets import MAX_BUCKETS, explicit
from tidegate_gateway.otlp.exemplars import exemplars
from tidegate_gateway.otlp.limits import refuse
from tidegate_gateway.otlp.summaries import summary_parts
from tidegate_gateway.turns import Slices
from tidegate_gateway.values import finite, from_nanos
from tidegate_schemas.canonical import canonical_json
from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.reasons import Reason

_NO_VALUE = DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK
_TEMPORALITIES: Mapping[int, str] = {
    AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA: "delta",
    AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE: "cumulative",
}

Point = NumberDataPoint | HistogramDataPoint | ExponentialHistogramDataPoint | SummaryDataPoint


def metric_batch(request: ExportMetricsServiceRequest, project: str) -> Slices[Batch]:
    """All points of a request, good and bad. Points that say that they have no value are none."""
    batch, index, values = Batch("otlp"), 0, Values()
    for resource_metrics in request.resource_metrics:
        origin = Origin.of(resource_metrics.resource, values)
        yield
        for scope_metrics in resource_metrics.scope_metrics:
            instance_id = derived_event_id("otlp-instance", *origin.identity, scope_metrics.scope.name)
            for metric in scope_metrics.metrics:
                series = Series(metric, origin, instance_id, project)
                yield
                for point in _points(metric):
                    yield
                    try:
                        events = point_events(series, point, values)
                    except RefusedError as error:
                        refuse(batch, "metric", index, error, point)
                    else:
                        batch.events.extend(("metric", event) for event in events)
                    index += 1
    return batch


def _points(metric: Metric) -> Iterator[Point]:
    kind = metric.WhichOneof("data")
    if kind is not None:
        yield from (point for point in getattr(metric, kind).data_points if not point.flags & _NO_VALUE)


@dataclass(frozen=True)
class Series:
    """A metric and who measures it. `instance_id`: of resource and scope."""

    metric: Metric
    origin: Origin
    instance_id: str
    project: str


def point_events(series: Series, point: Any, values: Values) -> list[Event]:
    """One point: one event, and of a summary one more for each of its quantiles. Raises RefusedError."""
    named = values.named(point.attributes)
    if series.metric.WhichOneof("data") == "summary":
        parts = summary_parts(series.metric.name, point)
        return [_event(series, point, name, {**named, **more}, part) for name, more, part in parts]
    return [_event(series, point, series.metric.name, named, _values(series.metric, point))]


def _event(series: Series, point: Any, name: str, named: Mapping[str, Any], measured: Event) -> Event:
    labels = canonical_json(named)
    at, begun = point.time_unix_nano, point.start_time_unix_nano
    occurred_at = from_nanos(at, "timeUnixNano")
    identity = (series.instance_id, name, labels, str(begun), str(at))
    return {
        **series.origin.fields,
        "event_id": derived_event_id("otlp-point", series.project, *identity),
        "name": name,
        "occurred_at": occurred_at,
        "started_at": from_nanos(begun, "startTimeUnixNano") if begun else occurred_at,
        "unit": series.metric.unit,
        "instance_id": series.instance_id,
        "attributes": labels,
        "exemplars": exemplars(point),
        **measured,
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
        if len(counts) > MAX_BUCKETS:
            raise RefusedError(Reason.OVERSIZE, "bucketCounts", f"has more than {MAX_BUCKETS} buckets")
        temporality = _temporality(metric.histogram.aggregation_temporality)
    else:
        bounds, counts = explicit(point)
        temporality = _temporality(metric.exponential_histogram.aggregation_temporality)
    return {
        "instrument": "histogram",
        "temporality": temporality,
        "count": _count(point.count),
        "sum": finite(point.sum, "sum"),
        "bucket_bounds": [finite(bound, "explicitBounds") for bound in bounds] if counts else [],
        "bucket_counts": [_count(count) for count in counts],
    }


def _temporality(number: int) -> str:
    if number not in _TEMPORALITIES:
        raise RefusedError(Reason.INVALID_FIELD, "aggregationTemporality", "must be delta or cumulative")
    return _TEMPORALITIES[number]


def _number(point: NumberDataPoint) -> float:
    if point.WhichOneof("value") is None:
        raise RefusedError(Reason.MISSING_FIELD, "value", "asDouble or asInt must be given")
    return finite(float(point.as_int if point.WhichOneof("value") == "as_int" else point.as_double), "value")


def _count(number: int) -> int:
    if number >= 1 << 63:
        raise RefusedError(Reason.INVALID_FIELD, "count", "must be below 2^63")
    return number
