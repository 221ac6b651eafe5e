"""Clients that outlast an outage of the gateway: what failed is sent again, with the same ids.

Sentry's SDK sends once and drops what the network refused. OpenTelemetry's exporters try six times within ten seconds.
Segment's client needs no help: it tries ten times over three minutes. A resend whose first answer was lost is no second
event, since Tidegate tells events by their ids.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import segment.analytics as segment
import urllib3
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import HttpTransport

from tidegate_demo.marketplace.acknowledged import Acknowledged, point_keys, span_keys

PATIENCE_SECONDS = 90.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.25, 2.0
RETRIED = frozenset({429, 502, 503, 504})

Result = TypeVar("Result")


def pauses(patience_seconds: float, clock: Callable[[], float] = time.monotonic) -> Iterator[float]:
    """Pauses in seconds, doubling up to the longest, for as long as patience lasts."""
    deadline, pause = clock() + patience_seconds, FIRST_PAUSE_SECONDS
    while clock() < deadline:
        yield pause
        pause = min(LONGEST_PAUSE_SECONDS, pause * 2)


def patient_transport(acknowledged: Acknowledged, patience_seconds: float = PATIENCE_SECONDS) -> type[HttpTransport]:
    """A transport for `sentry_sdk.init`: sends the same bytes again while the gateway is away or overloaded."""

    class PatientTransport(HttpTransport):
        def _request(self, *arguments: Any, **named: Any) -> Any:
            for pause in pauses(patience_seconds):
                try:
                    response = super()._request(*arguments, **named)
                except (urllib3.exceptions.HTTPError, OSError):
                    pass  # refused, reset or timed out
                else:
                    if response.status not in RETRIED:
                        return response
                    response.close()
                time.sleep(pause)
            return super()._request(*arguments, **named)

        def _handle_response(self, response: Any, envelope: Envelope | None) -> None:
            super()._handle_response(response, envelope)
            if response.status == 200 and envelope is not None and (event_id := envelope.headers.get("event_id")):
                acknowledged.add("error", [event_id])

    return PatientTransport


def acknowledging(client: segment.Client, acknowledged: Acknowledged) -> segment.Client:
    """The same client, which notes the message ids that the gateway has taken."""
    for consumer in client.consumers or []:
        send = consumer.request

        def request(batch: list[dict[str, Any]], send: Callable[[Any], Any] = send) -> Any:
            answer = send(batch)
            acknowledged.add("track", [message["messageId"] for message in batch])
            return answer

        consumer.request = request
    return client


class _Patience:
    """Calls an exporter until it succeeds, patience ends, or the process shuts down."""

    def __init__(self, patience_seconds: float) -> None:
        self._seconds, self._closing = patience_seconds, threading.Event()

    def close(self) -> None:
        self._closing.set()

    def until(self, success: Result, export: Callable[[], Result]) -> Result:
        for pause in pauses(self._seconds):
            result = export()
            if result is success or self._closing.wait(pause):
                return result
        return export()


class PatientSpans(SpanExporter):
    """Exports a batch of spans until the gateway takes it."""

    def __init__(
        self, inner: SpanExporter, acknowledged: Acknowledged, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self._inner, self._acknowledged, self._patience = inner, acknowledged, _Patience(patience_seconds)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send, again if need be, and note what was taken."""
        result = self._patience.until(SpanExportResult.SUCCESS, lambda: self._inner.export(spans))
        if result is SpanExportResult.SUCCESS:
            self._acknowledged.add("span", span_keys(spans))
        return result

    def shutdown(self) -> None:
        """End waiting, and the exporter."""
        self._patience.close()
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Hand on."""
        return self._inner.force_flush(timeout_millis)


class PatientMetrics(MetricExporter):
    """Exports metric points until the gateway takes them."""

    def __init__(
        self, inner: MetricExporter, acknowledged: Acknowledged, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        super().__init__(inner._preferred_temporality, inner._preferred_aggregation)
        self._inner, self._acknowledged, self._patience = inner, acknowledged, _Patience(patience_seconds)

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        """Send, again if need be, and note what was taken."""
        result = self._patience.until(
            MetricExportResult.SUCCESS, lambda: self._inner.export(metrics_data, timeout_millis, **kwargs)
        )
        if result is MetricExportResult.SUCCESS:
            self._acknowledged.add("metric", point_keys(metrics_data))
        return result

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Hand on."""
        return self._inner.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """End waiting, and the exporter."""
        self._patience.close()
        self._inner.shutdown(timeout_millis, **kwargs)
