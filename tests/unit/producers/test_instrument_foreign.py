"""sentry-sdk and OpenTelemetry's SDK, unmodified, that publish through the client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sentry_sdk
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    Gauge,
    Metric,
    MetricsData,
    NumberDataPoint,
    PeriodicExportingMetricReader,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags, TraceState, set_span_in_context
from sentry_sdk.envelope import Envelope, Item
from tests.unit.producers.recording import Recording

from tidegate.instrument.opentelemetry import MetricExporter, SpanExporter
from tidegate.instrument.sentry import transport
from tidegate_schemas.bounds import broken_bound
from tidegate_schemas.reasons import Reason

SCOPE = InstrumentationScope("shop")


@contextmanager
def sentry(client: Recording) -> Iterator[sentry_sdk.Scope]:
    """A scope with a client of its own, so that this process's others know nothing of it."""
    settings: Any = {"default_integrations": False, "traces_sample_rate": 1}
    with sentry_sdk.new_scope() as scope:
        scope.set_client(sentry_sdk.Client("http://key@tidegate.example/1", transport=transport(client), **settings))
        yield scope


def unlucky(number: int) -> None:
    password = "secret"  # noqa: F841 - a local variable, to see that it isn't sent
    raise ValueError(f"{number} is unlucky")


def test_an_exception_that_sentrys_sdk_catches_is_an_error_event() -> None:
    client = Recording(device=False)
    with sentry(client) as scope:
        scope.set_user({"id": "42", "email": "anna@example.org"})
        scope.set_tag("plan", "pro")
        scope.add_breadcrumb(message="clicked")
        try:
            unlucky(13)
        except ValueError as error:
            scope.capture_exception(error)
    (event,) = client.of("error")
    assert (event["name"], event["message"], event["level"]) == ("ValueError", "13 is unlucky", "error")
    frame = json.loads(event["stack"])[-1]
    assert (frame["function"], frame["module"]) == ("unlucky", __name__)
    assert (event["user_id"], json.loads(event["properties"])["tags"]) == ("42", {"plan": "pro"})
    assert json.loads(event["breadcrumbs"])[0]["message"] == "clicked"
    assert "secret" not in event["stack"]
    assert broken_bound(event) is None


def test_a_message_is_an_error_event_and_other_items_are_counted() -> None:
    client = Recording()
    with sentry(client) as scope:
        scope.capture_message("stock is low", level="warning")
        scope.start_transaction(name="checkout", op="task").finish()
    (event,) = client.of("error")
    assert (event["name"], event["message"], event["level"]) == ("message", "stock is low", "warning")
    assert client.dropped == {Reason.UNSUPPORTED_ITEM: 1}


@pytest.mark.parametrize(
    ("given_up", "reason"),
    [({}, Reason.UNSUPPORTED_ITEM), ({"before_send_transaction": lambda *_: None}, Reason.FILTERED)],
)
def test_a_transaction_counts_as_its_spans_and_its_own_whoever_leaves_it_out(
    given_up: dict[str, Any], reason: Reason
) -> None:
    client = Recording()
    settings: Any = {"default_integrations": False, "traces_sample_rate": 1, **given_up}
    with sentry_sdk.new_scope() as scope:
        scope.set_client(sentry_sdk.Client("http://key@tidegate.example/1", transport=transport(client), **settings))
        with sentry_sdk.start_transaction(name="checkout", op="task") as transaction:
            for _ in range(3):
                with transaction.start_child(op="db", name="SELECT"):
                    pass
    client.flush()
    told = {(each["kind"], each["reason"]): each["quantity"] for each in client.outcomes}
    assert told == {("span", reason.value): 4}


def test_what_sentrys_sdk_gives_up_itself_is_counted_by_quantity_and_has_numbers() -> None:
    client = Recording()
    settings: Any = {"default_integrations": False, "before_send": lambda *_: None}
    lossy = sentry_sdk.Client("http://key@tidegate.example/1", transport=transport(client), **settings)
    with sentry_sdk.new_scope() as scope:
        scope.set_client(lossy)
        scope.capture_message("filtered")
    said: Any = lossy.transport
    said.record_lost_event("queue_overflow", "log_item", quantity=40)
    said.record_lost_event("queue_overflow", "log_byte", quantity=9_000)
    said.record_lost_event("sample_rate", "transaction")
    said.record_lost_event("sample_rate", "span", quantity=12)
    said.record_lost_event("a new one", "a new one too", quantity=2)
    logs = Item(payload=b"{}", headers={"type": "log", "item_count": 7})
    said.record_lost_event("network_error", item=logs)
    said.capture_envelope(Envelope(items=[logs]))
    client.flush()
    assert {(each["kind"], each["reason"]): each["quantity"] for each in client.outcomes} == {
        ("error", "filtered"): 1,
        ("log", "queue_full"): 40,
        ("span", "sampled"): 12,
        ("sentry.other", "client_error"): 2,
        ("log", "network_error"): 7,
        ("log", "unsupported_item"): 7,
    }
    client.record("error", {"name": "x"}, {})
    assert [event["sequence"] for event in client.of("error")] == [70]


def test_an_ended_span_of_opentelemetry_is_ours() -> None:
    client, provider = Recording(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(SpanExporter(client)))
    tracer = provider.get_tracer("shop")
    request: dict[str, str | int] = {
        "http.route": "/cart",
        "http.request.method": "GET",
        "http.response.status_code": 200,
    }
    query = {"db.system.name": "postgresql", "db.query.text": "SELECT * FROM orders WHERE email = 'anna@example.org'"}
    with (
        tracer.start_as_current_span("GET /cart", kind=SpanKind.SERVER, attributes=request),
        tracer.start_as_current_span("SELECT", kind=SpanKind.CLIENT, attributes=query),
    ):
        pass
    with pytest.raises(ValueError, match="unlucky"), tracer.start_as_current_span("work"):
        unlucky(13)
    asked, served, work = client.of("span")
    assert (served["operation"], served["route"], served["method"], served["status_code"]) == (
        "request",
        "/cart",
        "GET",
        200,
    )
    assert (asked["operation"], asked["statement"], asked["db_system"]) == ("query", "SELECT orders", "postgresql")
    assert (asked["parent_span_id"], asked["trace_id"]) == (served["span_id"], served["trace_id"])
    assert "anna" not in asked["properties"]
    assert (work["operation"], work["status"]) == ("internal", "error")
    assert all(broken_bound(event) is None for event in (asked, served, work))


def measured(client: Recording, *views: View) -> dict[str, dict[str, Any]]:
    reader = PeriodicExportingMetricReader(MetricExporter(client), export_interval_millis=60_000)
    provider = MeterProvider([reader], views=views)
    meter = provider.get_meter("shop")
    meter.create_counter("orders", "1").add(3, {"plan": "pro"})
    meter.create_up_down_counter("open", "1").add(2)
    meter.create_histogram("latency", "s").record(0.2)
    provider.force_flush()
    meter.create_counter("orders", "1").add(4, {"plan": "pro"})
    provider.shutdown()
    points: dict[str, dict[str, Any]] = {}
    for point in client.of("metric"):
        assert broken_bound(point) is None
        points.setdefault(point["name"], point)
    return points


def test_points_of_opentelemetry_are_increases_levels_and_buckets() -> None:
    client = Recording()
    points = measured(client)
    assert (points["orders"]["instrument"], points["orders"]["temporality"]) == ("counter", "delta")
    assert points["orders"]["attributes"] == '{"plan":"pro"}'
    assert [point["value"] for point in client.of("metric") if point["name"] == "orders"] == [3.0, 4.0]
    assert (points["open"]["instrument"], points["open"]["value"]) == ("gauge", 2.0)
    latency = points["latency"]
    assert (latency["instrument"], latency["count"], sum(latency["bucket_counts"])) == ("histogram", 1, 1)


def test_exponential_buckets_get_bounds() -> None:
    exponential = View(instrument_name="latency", aggregation=ExponentialBucketHistogramAggregation())
    latency = measured(Recording(), exponential)["latency"]
    (place,) = [place for place, count in enumerate(latency["bucket_counts"]) if count]
    assert latency["bucket_bounds"][place - 1] < 0.2 <= latency["bucket_bounds"][place] * (1 + 1e-9)


def test_a_point_that_cannot_be_read_is_counted_and_its_neighbours_go_on() -> None:
    client = Recording()
    points: list[Any] = [object(), *(NumberDataPoint({}, 1, 10**18, value) for value in (float("nan"), 2.0))]
    metric = Metric("level", "", "1", Gauge(data_points=points))
    MetricExporter(client).export(MetricsData([ResourceMetrics(Resource({}), [ScopeMetrics(SCOPE, [metric], "")], "")]))
    assert [point["value"] for point in client.of("metric")] == [2.0]
    assert client.dropped == {Reason.INVALID_FIELD: 2}


def test_who_a_span_is_about_is_no_property_and_has_its_share_and_its_exceptions() -> None:
    client, provider = Recording(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(SpanExporter(client)))
    sampled = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1), trace_state=TraceState([("ot", "th:8")]))
    about = {"user.id": "42", "client.address": "203.0.113.7", "url.full": "https://shop.example/x", "plan": "pro"}
    span = provider.get_tracer("shop").start_span(
        "GET /x", set_span_in_context(NonRecordingSpan(sampled)), SpanKind.SERVER, about
    )
    span.record_exception(ValueError("unlucky"))
    span.end()
    (served,), (error,) = client.of("span"), client.of("error")
    assert (served["user_id"], served["ip"], served["url"]) == ("42", "203.0.113.7", "https://shop.example/x")
    assert json.loads(served["properties"]) == {"plan": "pro"}
    assert (served["sample_rate"], error["sample_rate"]) == (0.5, 0.5)
    assert (error["name"], error["message"], error["user_id"]) == ("ValueError", "unlucky", "42")
    assert (error["service"], error["release"]) == ("shop", "shop@1")  # the client's own


def of_sentry_and_opentelemetry(client: Recording) -> str:
    """What is sent of an error and a span that name a person, in fields and in texts."""
    with sentry(client) as scope:
        scope.set_user({"id": "user-4711-x", "username": "bob"})
        scope.set_tag("user.name", "bob")
        scope.add_breadcrumb(message="user-4711-x clicked")
        scope.capture_message("no basket of user-4711-x")
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(SpanExporter(client)))
    about = {"user.id": "user-4711-x", "user.name": "bob", "session.previous_id": "visit-1", "plan": "pro"}
    span = provider.get_tracer("shop").start_span("GET /u/user-4711-x", kind=SpanKind.SERVER, attributes=about)
    span.record_exception(ValueError("user-4711-x is unlucky"))
    span.end()
    assert (len(client.of("error")), len(client.of("span"))) == (2, 1)
    return str([*client.of("error"), *client.of("span")])


def test_anonymous_consent_leaves_no_id_in_what_sentrys_and_opentelemetrys_sdks_tell() -> None:
    told = of_sentry_and_opentelemetry(Recording(consent="anonymous", device=False))
    assert not [word for word in ("4711", "bob", "visit-1") if word in told]
    assert all(word in told for word in ("GET /u/[id]", "no basket of [id]", "[id] clicked", '"plan":"pro"'))


def test_control_with_consent_they_tell_the_ids_to_the_gate() -> None:
    told = of_sentry_and_opentelemetry(Recording(consent="granted", device=False))
    assert all(word in told for word in ("GET /u/user-4711-x", "user-4711-x clicked", "bob", "visit-1"))
