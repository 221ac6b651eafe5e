"""What the gateway tells Prometheus. No label comes from an event."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("tidegate_gateway_requests_total", "Requests by protocol and HTTP status.", ["protocol", "status"])
EVENTS = Counter("tidegate_gateway_events_total", "Events that Kafka or the spool has.", ["protocol", "kind"])
REFUSED = Counter(
    "tidegate_gateway_refused_total", "Requests and items that were refused or dropped.", ["protocol", "reason"]
)
SECONDS = Histogram(
    "tidegate_gateway_request_seconds",
    "Seconds from the request to its answer, Kafka's or the disk's acknowledgement included.",
    ["protocol"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
CONNECTIONS = Gauge("tidegate_gateway_connections", "Open connections.")
CLOSED = Counter(
    "tidegate_gateway_connections_closed_total",
    "Connections that the gateway ended, by the limit they met.",
    ["reason"],
)
