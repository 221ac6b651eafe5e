"""OTLP/HTTP by its specification: both encodings, partial success, failures, and what hostile requests may cost."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from typing import Any

import httpx
import orjson
import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nacl.public import PrivateKey
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from starlette.testclient import TestClient

from tidegate.publish import MemoryPublisher
from tidegate_gateway.app import create_app
from tidegate_gateway.limits import Rate
from tidegate_gateway.otlp.limits import MAX_ITEMS, MAX_LETTERS
from tidegate_gateway.settings import GatewaySettings, Project
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import outcome_schema, raw_schema
from tidegate_schemas.topics import DEAD_LETTERS, OUTCOMES, Kind, raw_topic

KEY = "public-write-key"
PROTOBUF, JSON = "application/x-protobuf", "application/json"
AT = 1_772_366_400_000_000_000
INFLATED = 4 << 20


class Gateway:
    """The gateway's application over a publisher in memory."""

    def __init__(self, **more: Any) -> None:
        self.publisher = MemoryPublisher(**{name: more.pop(name) for name in ("failing",) if name in more})
        key = bytes(PrivateKey.generate().public_key)
        projects = (Project(1, "default", KEY),)
        limits = {"max_wire_bytes": 1 << 20, "max_inflated_bytes": INFLATED}
        gateway = GatewaySettings("127.0.0.1", 0, "nowhere:1", projects, key, **{**limits, **more})
        self.http = TestClient(create_app(gateway, self.publisher), raise_server_exceptions=False)

    def post(self, path: str, body: bytes, kind: str = PROTOBUF, **headers: str) -> httpx.Response:
        named = {"x-tidegate-key": KEY, "content-type": kind, **{k.replace("_", "-"): v for k, v in headers.items()}}
        answer: httpx.Response = self.http.post(path, content=body, headers=named)
        return answer

    def events(self, kind: Kind) -> list[dict[str, Any]]:
        codec = RowCodec(raw_schema(kind))
        return [codec.decode(value) for _, value in self.publisher.records.get(raw_topic(kind), [])]


def trace_request(spans: int = 1, bad: int = 0) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for number in range(spans):
        span = scope.spans.add(name=f"s{number}", trace_id=b"\x01" * 16, span_id=number.to_bytes(7) + b"\x01")
        span.start_time_unix_nano, span.end_time_unix_nano = AT, AT + 1_000_000
    for _ in range(bad):
        scope.spans.add(name="bad", trace_id=b"\x01")
    return request


def as_json(message: Message) -> bytes:
    """As clients write it: ids in hexadecimal, enums as numbers."""
    content = MessageToDict(message, use_integers_for_enums=True)
    for resource in content["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                span["traceId"], span["spanId"] = ("01" * 16).upper(), f"{int(span['name'][1:]):014x}01"
    return orjson.dumps(content)


def test_both_encodings_say_the_same_and_are_answered_in_kind() -> None:
    request = trace_request(3)
    found = []
    for body, kind in ((request.SerializeToString(), PROTOBUF), (as_json(request), JSON)):
        gateway = Gateway()
        answer = gateway.post("/v1/traces", body, kind)
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
        assert answer.content == (b"" if kind == PROTOBUF else b"{}")
        found.append([(span["event_id"], span["trace_id"], span["span_id"]) for span in gateway.events("span")])
    assert found[0] == found[1]


def test_json_takes_numbers_as_text_names_in_camel_case_and_ignores_what_it_doesnt_know() -> None:
    span = {
        "traceId": "ab" * 16,
        "spanId": "CD" * 8,
        "name": "x",
        "kind": 2,
        "startTimeUnixNano": str(AT),
        "endTimeUnixNano": AT + 5_000_000,
        "attributes": [
            {"key": "n", "value": {"intValue": "12"}},
            {"key": "a", "value": {"arrayValue": {"values": []}}},
        ],
        "someday": {"traceId": 5},
    }
    gateway = Gateway()
    body = orjson.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}], "future": [1]}]})
    assert gateway.post("/v1/traces", body, f"{JSON}; charset=utf-8").content == b"{}"
    (event,) = gateway.events("span")
    assert (event["trace_id"], event["span_id"], event["operation"]) == ("ab" * 16, "cd" * 8, "request")
    assert (event["properties"], event["duration_seconds"]) == ('{"a":[],"n":12}', 0.005)


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/metrics", "/v1/logs"])
def test_an_empty_request_is_a_success(path: str) -> None:
    gateway = Gateway()
    assert (gateway.post(path, b"").status_code, gateway.post(path, b"").content) == (200, b"")
    assert (gateway.post(path, b"{}", JSON).status_code, gateway.post(path, b"{}", JSON).content) == (200, b"{}")


def test_partial_success_counts_what_was_rejected_and_says_why() -> None:
    gateway = Gateway()
    answer = gateway.post("/v1/traces", trace_request(2, bad=3).SerializeToString())
    told = ExportTraceServiceResponse.FromString(answer.content)
    assert (answer.status_code, told.partial_success.rejected_spans) == (200, 3)
    assert told.partial_success.error_message == "traceId: must have 16 bytes that aren't all zero (3 of them)"
    assert len(gateway.events("span")) == 2


def test_an_error_event_of_a_span_is_no_span_that_counts() -> None:
    request = trace_request(1)
    request.resource_spans[0].scope_spans[0].spans[0].events.add(name="exception", time_unix_nano=AT)
    gateway = Gateway()
    assert gateway.post("/v1/traces", request.SerializeToString()).content == b""
    assert len(gateway.events("error")) == 1


def test_metrics_and_logs_say_how_many_points_and_records_were_rejected() -> None:
    metrics = ExportMetricsServiceRequest()
    gauge = metrics.resource_metrics.add().scope_metrics.add().metrics.add(name="m").gauge
    gauge.data_points.add(time_unix_nano=AT, as_int=1)
    gauge.data_points.add(time_unix_nano=AT)
    answer = Gateway().post("/v1/metrics", metrics.SerializeToString())
    assert ExportMetricsServiceResponse.FromString(answer.content).partial_success.rejected_data_points == 1
    logs = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "x"}}]}]}]}
    told = Gateway().post("/v1/logs", orjson.dumps(logs), JSON).json()["partialSuccess"]
    assert told["rejectedLogRecords"] == "1"


@pytest.mark.parametrize(
    ("encoding", "packed"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("identity", bytes)]
)
def test_packed_bodies_are_taken(encoding: str, packed: Any) -> None:
    gateway = Gateway()
    body = packed(trace_request(5).SerializeToString())
    assert gateway.post("/v1/traces", body, content_encoding=encoding).status_code == 200
    assert len(gateway.events("span")) == 5


def status_of(answer: httpx.Response) -> tuple[int, str]:
    """google.rpc.Status, by hand: code and message."""
    if answer.headers["content-type"] == JSON:
        return answer.json()["code"], answer.json()["message"]
    assert answer.headers["content-type"] == PROTOBUF
    assert (answer.content[0], answer.content[2]) == (0x08, 0x12)
    message = answer.content[3:].lstrip(bytes(range(0x80, 0x100)))
    return answer.content[1], message[1:].decode()


@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
def test_failures_carry_a_status_in_the_encoding_that_was_asked_for(kind: str) -> None:
    assert status_of(Gateway().post("/v1/traces", b"\xff{", kind))[0] == 3
    assert status_of(Gateway().post("/v1/traces", b"", kind, x_tidegate_key="wrong"))[0] == 16
    large = Gateway(max_wire_bytes=1_000).post("/v1/traces", bytes(2_000), kind)
    assert (large.status_code, status_of(large)[0], "Retry-After" in large.headers) == (413, 8, False)
    body = trace_request().SerializeToString() if kind == PROTOBUF else as_json(trace_request())
    away = Gateway(failing="broker away").post("/v1/traces", body, kind)
    assert (away.status_code, status_of(away)[0], int(away.headers["Retry-After"]) > 0) == (503, 14, True)


def test_another_content_type_is_refused_in_protobuf() -> None:
    answer = Gateway().post("/v1/traces", b"", "text/plain")
    assert (answer.status_code, status_of(answer)[0]) == (400, 3)


def test_a_key_over_its_rate_is_told_when_to_come_again() -> None:
    gateway, body = Gateway(key_rate=Rate(1.0, 1.0)), trace_request(5).SerializeToString()
    assert gateway.post("/v1/traces", body).status_code == 200
    answer = gateway.post("/v1/traces", body)
    assert (answer.status_code, status_of(answer)[0], int(answer.headers["Retry-After"]) > 0) == (429, 8, True)


def test_a_request_sent_again_has_the_same_ids() -> None:
    gateway, request = Gateway(), trace_request(3)
    request.resource_spans[0].scope_spans[0].spans[0].events.add(name="exception", time_unix_nano=AT)
    for _ in range(2):
        assert gateway.post("/v1/traces", request.SerializeToString()).status_code == 200
    for kind, number in (("span", 3), ("error", 1)):
        ids = [event["event_id"] for event in gateway.events(kind)]  # type: ignore[arg-type]
        assert (len(ids), len(set(ids))) == (2 * number, number)


def test_of_many_refused_items_a_thousand_are_kept_and_all_are_counted() -> None:
    gateway = Gateway()
    answer = gateway.post("/v1/traces", trace_request(1, bad=MAX_LETTERS + 500).SerializeToString())
    told = ExportTraceServiceResponse.FromString(answer.content)
    assert told.partial_success.rejected_spans == MAX_LETTERS + 500
    assert len(gateway.publisher.records[DEAD_LETTERS]) == MAX_LETTERS
    codec = RowCodec(outcome_schema())
    counted = {(o["outcome"], o["quantity"]) for o in (codec.decode(v) for _, v in gateway.publisher.records[OUTCOMES])}
    assert counted == {("dead_lettered", MAX_LETTERS), ("dropped", 500)}


def field(number: int, content: bytes) -> bytes:
    size, length = len(content), bytearray()
    while size >= 0x80:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([number << 3 | 2, *length, size]) + content


def bombs() -> dict[str, bytes]:
    half = (INFLATED - 100) // 2
    nested = b""
    for _ in range(20_000):
        nested = field(5, field(1, nested))
    return {
        "resources": field(1, b"") * half,
        "spans": field(1, field(2, field(2, b"") * half)),
        "attributes": field(1, field(2, field(2, field(9, b"") * half))),
        "elements": field(1, field(2, field(2, field(9, field(2, field(5, field(1, b"") * half)))))),
        "events": field(1, field(2, field(2, field(11, b"") * half))),
        "nested": field(1, field(2, field(2, field(9, field(2, nested))))),
        "groups": b"\x0b" * half,
        "length": b"\x0a\xff\xff\xff\xff\x0f" + b"x" * half,
        "endless varint": b"\x80" * half,
        "unknown": b"\x98\x06\x01" * half,
        "bytes": field(1, bytes(2 * half)),
    }


BOMBS = bombs()
AIMED = [*((name, "/v1/traces") for name in BOMBS), ("spans", "/v1/metrics"), ("spans", "/v1/logs")]


@pytest.mark.parametrize(("name", "path"), AIMED)
def test_a_protobuf_bomb_is_answered_and_published_by_little(path: str, name: str) -> None:
    gateway = Gateway()
    packed = gzip.compress(BOMBS[name][:INFLATED], 1)
    tracemalloc.start()
    answer = gateway.post(path, packed, content_encoding="gzip")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.status_code < 500
    assert peak < 30 * INFLATED
    assert sum(map(len, gateway.publisher.records.values())) < 2 * MAX_ITEMS


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"resourceSpans":' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"resourceSpans":[' + b"{}," * 300_000 + b"{}]}",
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + b"{}," * 100_000 + b"{}]}]}]}",
        b'{"resourceSpans":[{"resource":{"attributes":[{"key":"a","value":' + b'{"arrayValue":{"values":[' * 200
        + b"]}}" * 200 + b"}]}}]}",
        b'{"resourceSpans":5}',
        b'{"resourceSpans":[5,"a",null,[]]}',
        b'{"resourceSpans":{"a":{}}}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":5,"kind":99999999999999999999}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":{},"value":{"intValue":"x"}}]}]}]}]}',
    ],
)  # fmt: skip
def test_hostile_json_is_answered(body: bytes) -> None:
    answer = Gateway().post("/v1/traces", body, JSON)
    assert answer.status_code in {200, 400, 413}


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=9)
    | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
MESSAGES: dict[str, Any] = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/logs": ExportLogsServiceRequest,
}


def messages(descriptor: Any, depth: int = 0) -> st.SearchStrategy[dict[str, Any]]:
    """JSON with this message's own fields, of which some hold what they shouldn't."""
    named: dict[str, st.SearchStrategy[Any]] = {}
    for item in descriptor.fields:
        usual: st.SearchStrategy[Any] = VALUES
        if item.message_type is not None and depth < 7:
            usual = _later(item.message_type, depth + 1)
        if item.is_repeated:
            usual = st.lists(usual, max_size=2)
        if item.type in {item.TYPE_FIXED64, item.TYPE_UINT64}:
            usual = st.sampled_from([AT, str(AT), AT + 10**9, -1, 2**64 - 1, 0])
        if item.type == item.TYPE_BYTES:
            usual = st.sampled_from(["ab" * 16, "cd" * 8, "", "zz", 5])
        named[item.camelcase_name] = st.one_of(usual, usual, usual, VALUES)
    return st.fixed_dictionaries({}, optional=named)


def _later(descriptor: Any, depth: int) -> st.SearchStrategy[Any]:
    return st.deferred(lambda: messages(descriptor, depth))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), path=st.sampled_from(list(MESSAGES)))
def test_nothing_that_looks_like_otlp_makes_the_gateway_fail(data: st.DataObject, path: str) -> None:
    content = data.draw(messages(MESSAGES[path].DESCRIPTOR))
    body = json.dumps(content, default=bytes.hex).encode("utf-8", "surrogatepass")
    assert Gateway().post(path, body, JSON).status_code < 500
