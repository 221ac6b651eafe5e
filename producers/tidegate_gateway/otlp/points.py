"""OTLP metric points as metric events. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    DataPointFlags,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    SummaryDataPoint,
)

from tidegate.foreign.errors import UnfitError
from tidegate.foreign.otel import points
from tidegate.foreign.otel.buckets import Exponential, Side, explicit
from tidegate_gateway.errors import RefusedError
from tidegate_gateway.intake import Batch, Event
from tidegate_gateway.otlp.attributes import Origin, Values
from tidegate_gateway.otlp.exemplars import exemplars
from tidegate_gateway.otlp.limits import refuse
from tidegate_gateway.otlp.summaries import summary_parts
from tidegate_gateway.turns import Slices
from tidegate_gateway.values import from_nanos
from tidegate_schemas.canonical import canonical_json
from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.reasons import Reason

_NO_VALUE = DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK

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
                    except UnfitError as error:
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
        return points.gauge(_number(point))
    if kind == "sum":
        temporality, is_monotonic = metric.sum.aggregation_temporality, metric.sum.is_monotonic
        return points.total(_number(point), temporality, is_monotonic=is_monotonic)
    amounts = (point.count, point.sum)
    if kind == "histogram":
        temporality = metric.histogram.aggregation_temporality
        return points.histogram(amounts, point.explicit_bounds, point.bucket_counts, temporality)
    bounds, counts = explicit(exponential_of(point))
    return points.histogram(amounts, bounds, counts, metric.exponential_histogram.aggregation_temporality)


def exponential_of(point: ExponentialHistogramDataPoint) -> Exponential:
    """An exponential histogram's point as plain values."""
    positive, negative = (Side(each.offset, each.bucket_counts) for each in (point.positive, point.negative))
    return Exponential(point.scale, point.zero_count, point.zero_threshold, positive, negative)


def _number(point: NumberDataPoint) -> float:
    if point.WhichOneof("value") is None:
        raise RefusedError(Reason.MISSING_FIELD, "value", "asDouble or asInt must be given")
    return float(point.as_int if point.WhichOneof("value") == "as_int" else point.as_double)
