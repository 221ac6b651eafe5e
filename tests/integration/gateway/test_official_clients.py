"""The official clients, unmodified, against a running gateway: what they send is what Kafka is handed."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import segment.analytics as segment
import sentry_sdk
import uvicorn
from nacl.public import PrivateKey
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind

from tidegate.publish import MemoryPublisher
from tidegate_gateway.app import create_app
from tidegate_gateway.settings import GatewaySettings, Project
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import raw_schema
from tidegate_schemas.topics import Kind, raw_topic

KEY = "public-write-key"
DEADLINE_SECONDS = 10.0


class Gateway:
    """A gateway on a system-picked port, over a publisher in memory."""

    def __init__(self, url: str, publisher: MemoryPublisher) -> None:
        self.url, self.publisher = url, publisher

    def events(self, kind: Kind) -> list[dict[str, Any]]:
        codec = RowCodec(raw_schema(kind))
        return [codec.decode(value) for _, value in self.publisher.records.get(raw_topic(kind), [])]

    def wait_for(self, kind: Kind, number: int) -> list[dict[str, Any]]:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while len(self.events(kind)) < number and time.monotonic() < deadline:
            threading.Event().wait(0.02)
        return self.events(kind)


@contextmanager
def running(publisher: MemoryPublisher) -> Iterator[Gateway]:
    projects = (Project(1, "default", KEY), Project(0, "tidegate", "internal-key"))
    key = bytes(PrivateKey.generate().public_key)
    settings = GatewaySettings("127.0.0.1", 0, "nowhere:1", projects, key)
    server = uvicorn.Server(uvicorn.Config(create_app(settings, publisher), port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not server.started and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Gateway(f"http://127.0.0.1:{port}", publisher)
    finally:
        server.should_exit = True
        thread.join(DEADLINE_SECONDS)


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with running(MemoryPublisher()) as gateway:
        yield gateway


def test_segments_client_delivers_track_page_identify_and_alias(gateway: Gateway) -> None:
    client = segment.Client(KEY, host=gateway.url)
    context = {"app": {"name": "shop", "version": "1.2"}, "ip": "203.0.113.9", "userAgent": "Firefox"}
    properties = {"agent": "sql-analyst", "success": False, "price": 2.5}
    client.track("42", "agent_run", properties, context=context, anonymous_id="device-1")
    client.page("42", None, "Browse", {"url": "https://shop.example/agents?q=1"})
    client.identify("42", {"email": "jane@example.org"})
    client.alias("device-1", "42")
    client.shutdown()
    events = {event["type"]: event for event in gateway.wait_for("track", 4)}
    assert set(events) == {"track", "page", "identify", "alias"}
    track = events["track"]
    assert (track["name"], track["agent"], track["failed"]) == ("agent_run", "sql-analyst", True)
    assert (track["user_id"], track["anonymous_id"], track["ip"]) == ("42", "device-1", "203.0.113.9")
    assert (track["service"], track["release"], track["project"]) == ("shop", "1.2", "default")
    assert track["properties"] == '{"agent":"sql-analyst","price":2.5,"success":false}'
    assert events["identify"]["traits"] == '{"email":"jane@example.org"}'
    assert events["alias"]["previous_id"] == "device-1"
    assert sorted(event["sequence"] for event in events.values()) == [1, 2, 3, 4]


def test_sentrys_client_delivers_an_exception_with_its_stack(gateway: Gateway) -> None:
    dsn = gateway.url.replace("http://", f"http://{KEY}@") + "/1"
    sentry_sdk.init(dsn=dsn, release="shop@1.2", environment="test", default_integrations=False)
    sentry_sdk.set_user({"id": "42", "ip_address": "203.0.113.9"})
    try:
        raise ZeroDivisionError("no zero please")
    except ZeroDivisionError as error:
        sentry_sdk.capture_exception(error)
    sentry_sdk.get_client().close(timeout=DEADLINE_SECONDS)
    (event,) = gateway.wait_for("error", 1)
    assert (event["name"], event["message"], event["level"]) == ("ZeroDivisionError", "no zero please", "error")
    assert (event["release"], event["service"], event["user_id"]) == ("shop@1.2", "shop", "42")
    assert '"function":"test_sentrys_client_delivers_an_exception_with_its_stack"' in event["stack"]
    assert "vars" not in event["stack"]


def test_sentrys_client_delivers_a_transaction_and_its_query(gateway: Gateway) -> None:
    dsn = gateway.url.replace("http://", f"http://{KEY}@") + "/1"
    sentry_sdk.init(dsn=dsn, traces_sample_rate=1.0, default_integrations=False)
    with sentry_sdk.start_transaction(op="http.server", name="/agents/{slug}") as transaction:
        with transaction.start_child(op="db", name="SELECT * FROM agents WHERE slug = 'secret'"):
            pass
        transaction.set_status("internal_error")
    sentry_sdk.get_client().close(timeout=DEADLINE_SECONDS)
    spans = {span["operation"]: span for span in gateway.wait_for("span", 2)}
    assert spans["request"]["route"] == "/agents/{slug}"
    assert spans["request"]["status"] == "error"
    assert spans["query"]["statement"] == "SELECT agents"
    assert spans["query"]["parent_span_id"] == spans["request"]["span_id"]
    assert not any("secret" in str(value) for value in spans["query"].values())


def test_opentelemetrys_exporter_delivers_spans_with_route_and_statement(gateway: Gateway) -> None:
    exporter = OTLPSpanExporter(endpoint=f"{gateway.url}/v1/traces", headers={"x-tidegate-key": KEY})
    provider = TracerProvider(resource=Resource.create({"service.name": "shop", "service.version": "1.2"}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    request: dict[str, Any] = {
        "http.request.method": "GET",
        "http.route": "/agents/{slug}",
        "http.response.status_code": 503,
    }
    query = {"db.system": "sqlite", "db.statement": "SELECT a FROM agents JOIN installs WHERE a = 'x'"}
    with (
        tracer.start_as_current_span("GET /agents/{slug}", kind=SpanKind.SERVER, attributes=request),
        tracer.start_as_current_span("SELECT", kind=SpanKind.CLIENT, attributes=query),
    ):
        pass
    provider.shutdown()
    spans = {span["operation"]: span for span in gateway.wait_for("span", 2)}
    assert (spans["request"]["route"], spans["request"]["method"]) == ("/agents/{slug}", "GET")
    assert (spans["request"]["status_code"], spans["request"]["service"]) == (503, "shop")
    assert (spans["query"]["statement"], spans["query"]["db_system"]) == ("SELECT agents installs", "sqlite")
    assert spans["query"]["trace_id"] == spans["request"]["trace_id"]


def test_opentelemetrys_exporter_delivers_gauges_counters_and_histograms(gateway: Gateway) -> None:
    exporter = OTLPMetricExporter(endpoint=f"{gateway.url}/v1/metrics", headers={"x-tidegate-key": KEY})
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=60_000)
    provider = MeterProvider([reader])
    meter = provider.get_meter("test")
    meter.create_gauge("temperature", unit="Cel").set(21.5, {"room": "a"})
    meter.create_counter("orders").add(3)
    meter.create_histogram("seconds", unit="s").record(0.2)
    provider.shutdown()
    points = {point["name"]: point for point in gateway.wait_for("metric", 3)}
    assert (points["temperature"]["instrument"], points["temperature"]["value"]) == ("gauge", 21.5)
    assert points["temperature"]["attributes"] == '{"room":"a"}'
    assert (points["orders"]["instrument"], points["orders"]["temporality"]) == ("counter", "cumulative")
    assert points["orders"]["value"] == 3
    histogram = points["seconds"]
    assert (histogram["count"], histogram["sum"], sum(histogram["bucket_counts"])) == (1, 0.2, 1)
    assert len(histogram["bucket_counts"]) == len(histogram["bucket_bounds"]) + 1


@pytest.mark.parametrize("path", ["/v1/batch", "/api/1/envelope/?sentry_key=public-write-key"])
def test_a_request_sent_again_gives_the_same_event_ids(gateway: Gateway, path: str) -> None:
    item = '{"type":"track","event":"x","userId":"1","messageId":"m-1"}'
    sentry_id = "0123456789abcdef0123456789abcdef"
    envelope = f'{{"event_id":"{sentry_id}"}}\n{{"type":"event"}}\n{{"message":"x"}}\n'
    bodies = {
        "/v1/batch": f'{{"writeKey":"{KEY}","batch":[{item}]}}',
        "/api/1/envelope/?sentry_key=public-write-key": envelope,
    }
    for _ in range(2):
        assert httpx.post(gateway.url + path, content=bodies[path]).status_code == 200
    events = gateway.events("track") + gateway.events("error")
    assert len(events) == 2
    assert len({event["event_id"] for event in events}) == 1


def test_without_kafkas_acknowledgement_no_protocol_answers_200() -> None:
    with running(MemoryPublisher(failing="broker away")) as gateway:
        body = {"writeKey": KEY, "batch": [{"type": "track", "event": "x", "userId": "1"}]}
        segments = httpx.post(f"{gateway.url}/v1/batch", json=body)
        envelope = b'{"event_id":"0123456789abcdef0123456789abcdef"}\n{"type":"event"}\n{"message":"x"}\n'
        sentrys = httpx.post(f"{gateway.url}/api/1/envelope/?sentry_key={KEY}", content=envelope)
    assert (segments.status_code, segments.json()["error"]["reason"]) == (503, "undeliverable")
    assert sentrys.status_code == 503
    assert sentrys.headers["x-sentry-rate-limits"]
