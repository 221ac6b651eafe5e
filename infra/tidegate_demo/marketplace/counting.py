"""Counts what the demo hands to its clients, at the call sites and apart from anything Tidegate counts."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from typing import Any

from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.trace import SpanKind


class CallSites:
    """Events sent by kind, and the durations of served requests. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sent: Counter[str] = Counter()
        self._names: Counter[str] = Counter()
        self._seconds: defaultdict[str, list[float]] = defaultdict(list)

    def add(self, kind: str, name: str = "", quantity: int = 1) -> None:
        """`quantity` more events of `kind`."""
        with self._lock:
            self._sent[kind] += quantity
            if name:
                self._names[name] += quantity

    def served(self, endpoint: str, seconds: float) -> None:
        """A request to `endpoint`, such as `POST /login`, took this long."""
        with self._lock:
            self._seconds[endpoint].append(seconds)

    def report(self) -> dict[str, Any]:
        """`sent` by kind, `names` by event name, `seconds` by endpoint."""
        with self._lock:
            return {"sent": dict(self._sent), "names": dict(self._names), "seconds": dict(self._seconds)}


class CountingSpans(SpanProcessor):
    """Counts every span that ends sampled, and notes how long requests took."""

    def __init__(self, sites: CallSites) -> None:
        self._sites = sites

    def on_end(self, span: ReadableSpan) -> None:
        """Called by the SDK once per span."""
        if not span.context or not span.context.trace_flags.sampled:
            return
        self._sites.add("span")
        if span.kind is SpanKind.SERVER and span.start_time and span.end_time:
            attributes = span.attributes or {}
            method = attributes.get("http.request.method") or attributes.get("http.method")
            endpoint = f"{method} {attributes.get('http.route', '')}"
            self._sites.served(endpoint, (span.end_time - span.start_time) / 1e9)


class CountingMetrics(MetricExporter):
    """Counts data points on their way to the real exporter."""

    def __init__(self, inner: MetricExporter, sites: CallSites) -> None:
        super().__init__(inner._preferred_temporality, inner._preferred_aggregation)
        self._inner, self._sites = inner, sites

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        """Count, then hand on."""
        for resource in metrics_data.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    self._sites.add("metric", quantity=len(metric.data.data_points))
        return self._inner.export(metrics_data, timeout_millis, **kwargs)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Hand on."""
        return self._inner.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Hand on."""
        self._inner.shutdown(timeout_millis, **kwargs)
