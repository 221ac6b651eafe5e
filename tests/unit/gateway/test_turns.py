"""A request at its limits leaves the event loop to others again and again, and the test would notice if it didn't."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator

import httpx
import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from nacl.public import PrivateKey
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tidegate.publish import MemoryPublisher
from tidegate_gateway import turns
from tidegate_gateway.app import create_app
from tidegate_gateway.errors import RefusedError
from tidegate_gateway.otlp.json_messages import fill
from tidegate_gateway.otlp.routes import SIGNALS
from tidegate_gateway.settings import GatewaySettings, Project
from tidegate_gateway.turns import Turns, at_once

KEY = "public-write-key"
NANOS = 1_764_000_000_000_000_000


def spans(number: int) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "shop"
    scope = resource.scope_spans.add()
    for _ in range(number):
        span = scope.spans.add(trace_id=os.urandom(16), span_id=os.urandom(8), name="x", start_time_unix_nano=NANOS)
        span.end_time_unix_nano = NANOS
    return request


def as_otlp_json(request: ExportTraceServiceRequest) -> bytes:
    content = MessageToDict(request)
    for span, read in zip(
        content["resourceSpans"][0]["scopeSpans"][0]["spans"],
        request.resource_spans[0].scope_spans[0].spans,
        strict=True,
    ):
        span["traceId"], span["spanId"] = read.trace_id.hex(), read.span_id.hex()
    return json.dumps(content).encode()


def calls(number: int) -> bytes:
    return json.dumps({"batch": [{"type": "track", "event": "x", "userId": "1"}] * number}).encode()


SPANS = spans(3_000)
LARGE = {
    "OTLP in protobuf": ("/v1/traces", SPANS.SerializeToString(), "application/x-protobuf"),
    "OTLP in JSON": ("/v1/traces", as_otlp_json(SPANS), "application/json"),
    "Segment": ("/v1/batch", calls(3_000), "application/json"),
}


async def turns_of_others(path: str, body: bytes, kind: str) -> int:
    """How often somebody else was served during a request."""
    key = bytes(PrivateKey.generate().public_key)
    settings = GatewaySettings("127.0.0.1", 0, "nowhere:1", (Project(1, "default", KEY),), key)
    app = create_app(settings, MemoryPublisher())
    served, over = 0, asyncio.Event()

    async def others() -> None:
        nonlocal served
        while not over.is_set():
            served += 1
            await asyncio.sleep(0)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        headers = {"content-type": kind, "x-tidegate-key": KEY}
        if "batch" in path:
            headers["authorization"] = httpx.BasicAuth(KEY, "")._auth_header
        beside = asyncio.create_task(others())
        answer = await client.post(path, content=body, headers=headers)
        over.set()
        await beside
    assert answer.status_code == 200
    return served


@pytest.fixture
def with_short_turns(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """However fast the machine is, every place where work can be left is used."""
    monkeypatch.setattr(Turns.__init__, "__kwdefaults__", {"slice_seconds": 0.0, "patience_seconds": 1.0})
    yield


@pytest.fixture
def without_turns(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(Turns.__init__, "__kwdefaults__", {"slice_seconds": 1e9, "patience_seconds": 1.0})
    yield


@pytest.mark.parametrize("what", ["OTLP in protobuf", "OTLP in JSON"])
async def test_others_have_their_turn_during_a_large_request(what: str, with_short_turns: None) -> None:
    assert await turns_of_others(*LARGE[what]) > 1_000


@pytest.mark.parametrize("what", ["OTLP in protobuf", "OTLP in JSON"])
async def test_without_slices_they_wait(what: str, without_turns: None) -> None:
    """The control."""
    assert await turns_of_others(*LARGE[what]) < 100


async def test_calls_of_a_large_batch_are_taken_in_turns_too(with_short_turns: None) -> None:
    assert await turns_of_others(*LARGE["Segment"]) > 1_000


async def test_long_work_of_one_request_waits_for_that_of_another_and_not_for_ever() -> None:
    order, hall = list[str](), Turns(slice_seconds=0, patience_seconds=0.05)
    go = False

    def work(name: str) -> turns.Slices[str]:
        yield
        while not go:
            order.append(name)
            yield
        return name

    first = asyncio.create_task(hall.run(work("first")))
    await asyncio.sleep(0)
    with pytest.raises(RefusedError, match="queue_full") as refused:
        await hall.run(work("second"))
    assert (refused.value.status, refused.value.retry_after_seconds) == (503, 5)
    assert set(order) == {"first"}
    go = True
    assert await first == "first"


def examples() -> list[tuple[str, dict[str, object]]]:
    number = {"asInt": "7", "timeUnixNano": str(NANOS), "attributes": [{"key": "a", "value": {"stringValue": "b"}}]}
    histogram = {"aggregationTemporality": 2, "dataPoints": [{"bucketCounts": ["1", "2"], "explicitBounds": [0.5]}]}
    metrics: list[object] = [
        {"name": "g", "unit": "s", "gauge": {"dataPoints": [number, number]}},
        {"name": "s", "sum": {"isMonotonic": True, "aggregationTemporality": "AGGREGATION_TEMPORALITY_DELTA"}},
        {"name": "h", "histogram": histogram},
        {"name": "e", "exponential_histogram": {"data_points": [{"scale": 1, "positive": {"offset": 2}}]}},
        {"name": "none", "summary": None, "unknown": {"x": [1]}},
        {"name": "empty", "gauge": {}},
    ]
    resource = {"attributes": [{"key": "service.name", "value": {"arrayValue": {"values": [{"intValue": "1"}]}}}]}
    scope = {"scope": {"name": "lib", "version": "1"}, "schemaUrl": "u"}
    logs = [{"body": {"kvlistValue": {"values": [{"key": "k", "value": {"boolValue": True}}]}}}, {}]
    return [
        ("metrics", {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{**scope, "metrics": metrics}, {}]}]}),
        ("logs", {"resource_logs": [{"resource": resource, "scope_logs": [{**scope, "log_records": logs}]}, {}]}),
        ("traces", {"resourceSpans": None}),
        ("traces", {}),
    ]


@pytest.mark.parametrize(("name", "content"), examples())
def test_what_is_read_item_by_item_is_what_protobuf_reads_at_once(name: str, content: dict[str, object]) -> None:
    signal = SIGNALS[name]
    whole = ParseDict(content, signal.request(), ignore_unknown_fields=True)
    message = signal.request()
    at_once(fill(message, content, signal.path))
    assert message == whole
    assert isinstance(message, ExportTraceServiceRequest | ExportMetricsServiceRequest | ExportLogsServiceRequest)
