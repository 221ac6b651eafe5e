"""What the gateway says of its spool: in /healthz, and to Prometheus."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tidegate.spool.publisher import SpoolingPublisher


class SpoolMetrics(Collector):
    """Reads a spool when it is asked."""

    def __init__(self, publisher: SpoolingPublisher, clock: Callable[[], float] = time.time) -> None:
        self._publisher, self._clock = publisher, clock

    def collect(self) -> Iterator[Metric]:
        """See `Collector.collect`."""
        spool, oldest_at = self._publisher, self._publisher.oldest_at
        age = 0.0 if oldest_at is None else max(0.0, self._clock() - oldest_at)
        yield GaugeMetricFamily("tidegate_gateway_spool_bytes", "Bytes on disk.", spool.held_bytes)
        yield GaugeMetricFamily("tidegate_gateway_spool_max_bytes", "Bytes that may be on disk.", spool.max_bytes)
        yield GaugeMetricFamily(
            "tidegate_gateway_spool_records", "Records on disk that Kafka hasn't acknowledged.", spool.pending
        )
        yield GaugeMetricFamily(
            "tidegate_gateway_spool_age_seconds", "Age of the oldest file with such records; 0 for none.", age
        )
        yield CounterMetricFamily("tidegate_gateway_spooled_records", "Records that went to disk.", spool.kept)


def spool_registry(publisher: object) -> CollectorRegistry:
    """Metrics of a publisher's spool; none if it has no spool."""
    registry = CollectorRegistry()
    if isinstance(publisher, SpoolingPublisher):
        registry.register(SpoolMetrics(publisher))
    return registry


def spool_status(publisher: object) -> tuple[dict[str, str | int], int]:
    """What a spool makes of /healthz, and its status: only a full one takes nothing."""
    if not isinstance(publisher, SpoolingPublisher) or not publisher.pending:
        return {"status": "ok"}, 200
    held = {"records": publisher.pending, "bytes": publisher.held_bytes, "max_bytes": publisher.max_bytes}
    if publisher.full:
        return {"status": "full", "reason": "the spool is full, and Kafka doesn't take what is in it", **held}, 503
    return {"status": "spooling", "reason": "Kafka is away or slow: events are kept on disk", **held}, 200
