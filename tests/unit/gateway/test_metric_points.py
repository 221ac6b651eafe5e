"""OTLP points on the way to their partition: a total is counted by its growth, so one partition must see all of it."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from tidegate_gateway.intake import Event
from tidegate_gateway.otlp.points import metric_batch
from tidegate_schemas.topics import partition_key

START = 1_772_366_400_000_000_000


def texts(**named: str) -> list[KeyValue]:
    return [KeyValue(key=key, value=AnyValue(string_value=value)) for key, value in named.items()]


def total(seconds: int, host: str = "a", scope: str = "app", start: int = START, **labels: str) -> Event:
    """The event of one cumulative point."""
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    resource.resource.attributes.extend(texts(host=host))
    scoped = resource.scope_metrics.add()
    scoped.scope.name = scope
    metric = scoped.metrics.add(name="hits", unit="1")
    metric.sum.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    metric.sum.is_monotonic = True
    point = metric.sum.data_points.add(as_int=seconds, start_time_unix_nano=start)
    point.time_unix_nano = START + seconds * 1_000_000_000
    point.attributes.extend(texts(**labels))
    ((kind, event),) = metric_batch(request, "default").events
    assert kind == "metric"
    return event


def test_all_points_of_a_series_have_one_key_and_each_its_own_id() -> None:
    points = [total(seconds, route="/a") for seconds in range(1, 20)]
    assert len({partition_key("metric", event) for event in points}) == 1
    assert len({event["event_id"] for event in points}) == 19


@pytest.mark.parametrize("other", [total(1, route="/b"), total(1, "b", route="/a"), total(1, scope="lib", route="/a")])
def test_another_series_or_process_has_another_key(other: Event) -> None:
    assert partition_key("metric", other) != partition_key("metric", total(1, route="/a"))


def test_a_process_that_says_the_same_of_itself_is_one_instance_and_others_are_not() -> None:
    assert total(1)["instance_id"] == total(9)["instance_id"]
    assert len({total(1)["instance_id"], total(1, "b")["instance_id"], total(1, scope="lib")["instance_id"]}) == 3


def test_other_kinds_go_by_device_then_user_then_event() -> None:
    event = {"event_id": "e", "anonymous_id": "device", "user_id": "user"}
    assert partition_key("track", event) == b"device"
    assert partition_key("error", {**event, "anonymous_id": None}) == b"user"
    assert partition_key("span", {**event, "anonymous_id": "", "user_id": ""}) == b"e"


def test_events_without_consent_go_by_their_network() -> None:
    event = {"event_id": "e", "consent": "anonymous", "ip": "198.51.100.7"}
    key = partition_key("track", event)
    assert key == partition_key("error", {**event, "event_id": "f", "ip": "198.51.100.0"})
    assert key != partition_key("track", {**event, "ip": "203.0.113.7"})
    assert (
        partition_key("track", {**event, "ip": None}) == partition_key("track", {**event, "consent": "granted"}) == b"e"
    )
