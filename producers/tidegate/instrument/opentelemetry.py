"""OpenTelemetry's SDK straight to Kafka: exporters of spans and metrics.

    provider.add_span_processor(BatchSpanProcessor(SpanExporter(client)))
    MeterProvider(metric_readers=[PeriodicExportingMetricReader(MetricExporter(client))])

Spans and points become what the gateway makes of the same ones over OTLP, exceptions that were recorded on a span
included, unless its resource says `tidegate.exceptions=elsewhere`. What a resource says about service, version and
environment is taken where the client's settings don't say it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from opentelemetry.sdk.metrics import Counter as _Counter
from opentelemetry.sdk.metrics import Histogram as _Histogram
from opentelemetry.sdk.metrics import ObservableCounter as _ObservableCounter
from opentelemetry.sdk.metrics.export import AggregationTemporality, Metric, MetricExportResult, MetricsData
from opentelemetry.sdk.metrics.export import MetricExporter as _MetricExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter as _SpanExporter
from opentelemetry.sdk.trace.export import SpanExportResult

from tidegate.client import Client
from tidegate.instrument.adopting import adopted
from tidegate.instrument.otel_points import point_fields
from tidegate.instrument.otel_spans import error_events, span_fields
from tidegate_schemas.reasons import Reason

_DELTA: tuple[type, ...] = (_Counter, _Histogram, _ObservableCounter)


class SpanExporter(_SpanExporter):
    """Publishes ended spans as our own."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """See OpenTelemetry. What can't be published is counted by the client, and not tried again."""
        for span in spans:
            try:
                fields = span_fields(span)
                errors = error_events(span, fields)
            except Exception as error:  # noqa: BLE001 - one span's fault is no other's
                self._client.refuse("span", error)
                continue
            self._client.record_span(adopted(self._client, fields), {})
            for each in errors:
                self._client.record("error", adopted(self._client, each), {}, len(each["stack"]))
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
                    self._publish(metric, resource.resource)
        return MetricExportResult.SUCCESS

    def _publish(self, metric: Metric, resource: Resource) -> None:
        for point in metric.data.data_points:
            try:
                fields = point_fields(metric, point, resource)
            except Exception as error:  # noqa: BLE001 - one point's fault is no other's
                self._client.refuse("metric", error)
                continue
            if fields is None:
                self._client.leave_out("metric", Reason.UNSUPPORTED_ITEM)
            else:
                told = {**adopted(self._client, fields), "instance_id": self._client.producer_id}
                self._client.record("metric", told, {})

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """See OpenTelemetry."""
        return self._client.flush(timeout_millis / 1000) == 0

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """The client goes on: others may use it."""
        self.force_flush(timeout_millis)
