"""OpenTelemetry's SDK straight to Kafka: exporters of spans and metrics.

    provider.add_span_processor(BatchSpanProcessor(SpanExporter(client)))
    MeterProvider(metric_readers=[PeriodicExportingMetricReader(MetricExporter(client))])

What a resource says about service, version and environment is left to the client's settings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from opentelemetry.sdk.metrics import Counter as _Counter
from opentelemetry.sdk.metrics import Histogram as _Histogram
from opentelemetry.sdk.metrics import ObservableCounter as _ObservableCounter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    Metric,
    MetricExportResult,
    MetricsData,
    Sum,
)
from opentelemetry.sdk.metrics.export import MetricExporter as _MetricExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter as _SpanExporter
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id

from tidegate.client import Client
from tidegate.instrument.statements import summarise
from tidegate_schemas.canonical import canonical_json
from tidegate_schemas.reasons import Reason

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DELTA: tuple[type, ...] = (_Counter, _Histogram, _ObservableCounter)
_WHOLE_STATEMENTS = frozenset(["db.query.text", "db.statement", "db.query.parameter"])
_OPERATIONS = {SpanKind.SERVER: "request", SpanKind.CLIENT: "client"}


class SpanExporter(_SpanExporter):
    """Publishes ended spans as our own."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """See OpenTelemetry. What can't be published is counted by the client, and not tried again."""
        for span in spans:
            try:
                fields = span_fields(span)
            except Exception as error:  # noqa: BLE001 - one span's fault is no other's
                self._client.refuse("span", error)
            else:
                self._client.record_span(fields, {})
        return SpanExportResult.SUCCESS

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """See OpenTelemetry."""
        return self._client.flush(timeout_millis / 1000) == 0

    def shutdown(self) -> None:
        """The client goes on: others may use it."""
        self.force_flush()


class MetricExporter(_MetricExporter):
    """Publishes points of sums, gauges and histograms; asks for increases, not totals."""

    def __init__(self, client: Client) -> None:
        super().__init__(preferred_temporality=dict.fromkeys(_DELTA, AggregationTemporality.DELTA))
        self._client = client

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        """See OpenTelemetry. What can't be published is counted by the client, and not tried again."""
        for resource in metrics_data.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    self._publish(metric)
        return MetricExportResult.SUCCESS

    def _publish(self, metric: Metric) -> None:
        for point in metric.data.data_points:
            try:
                fields = point_fields(metric, point)
            except Exception as error:  # noqa: BLE001 - one point's fault is no other's
                self._client.refuse("metric", error)
                continue
            if fields is None:
                self._client.leave_out("metric", Reason.UNSUPPORTED_ITEM)
            else:
                self._client.record("metric", {**fields, "instance_id": self._client.producer_id}, {})

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """See OpenTelemetry."""
        return self._client.flush(timeout_millis / 1000) == 0

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """The client goes on: others may use it."""
        self.force_flush(timeout_millis)


def span_fields(span: ReadableSpan) -> dict[str, Any]:
    """A span's fields; statements only as summaries."""
    named, context = dict(span.attributes or {}), span.get_span_context()
    if context is None or span.start_time is None or span.end_time is None:
        raise ValueError("a span without ids or times")
    system = _said(named, "db.system.name", "db.system")
    operation = _OPERATIONS.get(span.kind, "internal")
    fields = {
        "name": span.name,
        "operation": "query" if operation == "client" and system else operation,
        "occurred_at": _moment(span.start_time),
        "duration_seconds": max(0, span.end_time - span.start_time) / 1e9,
        "status": "error" if span.status.status_code is StatusCode.ERROR else "ok",
        "trace_id": format_trace_id(context.trace_id),
        "span_id": format_span_id(context.span_id),
        "parent_span_id": format_span_id(span.parent.span_id) if span.parent else None,
        "route": _said(named, "http.route"),
        "method": _said(named, "http.request.method", "http.method"),
        "properties": {name: value for name, value in named.items() if name not in _WHOLE_STATEMENTS},
    }
    code = _said(named, "http.response.status_code", "http.status_code")
    if code.isdecimal():
        fields["status_code"] = int(code)
    if fields["operation"] == "query":
        statement = _said(named, "db.query.summary") or summarise(_said(named, "db.query.text", "db.statement"))
        fields |= {"statement": statement, "db_system": system}
    return fields


def point_fields(metric: Metric, point: Any) -> dict[str, Any] | None:
    """A point's fields; None for a shape that we don't have."""
    fields = {
        "name": metric.name,
        "unit": metric.unit or "1",
        "attributes": canonical_json(dict(point.attributes or {})),
        "occurred_at": _moment(point.time_unix_nano),
        "started_at": _moment(point.start_time_unix_nano or point.time_unix_nano),
    }
    match metric.data:
        case Gauge():
            return {**fields, "instrument": "gauge", "value": float(point.value)}
        case Sum(is_monotonic=False, aggregation_temporality=AggregationTemporality.CUMULATIVE):
            return {**fields, "instrument": "gauge", "value": float(point.value)}  # a level, not an amount
        case Sum(aggregation_temporality=temporality):
            word = _temporality(temporality)
            return {**fields, "instrument": "counter", "temporality": word, "value": float(point.value)}
        case Histogram(aggregation_temporality=temporality):
            amounts = {"count": point.count, "sum": float(point.sum), "temporality": _temporality(temporality)}
            buckets = {
                "bucket_bounds": [float(bound) for bound in point.explicit_bounds],
                "bucket_counts": list(point.bucket_counts),
            }
            return {**fields, "instrument": "histogram", **amounts, **buckets}
        case ExponentialHistogram(aggregation_temporality=temporality):
            amounts = {"count": point.count, "sum": float(point.sum), "temporality": _temporality(temporality)}
            return {**fields, "instrument": "histogram", **amounts, **_explicit(point)}
    return None


def _explicit(point: ExponentialHistogramDataPoint) -> dict[str, Any]:
    """Buckets with explicit bounds; zero and negative values share the first."""
    positive, growth = list(point.positive.bucket_counts), 2.0**-point.scale
    first = point.zero_count + sum(point.negative.bucket_counts)
    edges = [2.0 ** (growth * (point.positive.offset + number)) for number in range(len(positive) + 1)]
    if not positive:
        return {"bucket_bounds": [], "bucket_counts": [first]}
    return {"bucket_bounds": edges, "bucket_counts": [first, *positive, 0]}


def _temporality(temporality: AggregationTemporality) -> str:
    return "delta" if temporality is AggregationTemporality.DELTA else "cumulative"


def _said(named: Mapping[str, Any], *names: str) -> str:
    return next((str(named[name]) for name in names if named.get(name) is not None), "")


def _moment(nanos: int) -> datetime:
    return _EPOCH + timedelta(microseconds=nanos // 1000)
