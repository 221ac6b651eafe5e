"""OTLP spans and log records as events, by old and new semantic conventions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tidegate.foreign.otel.stacks import frames
from tidegate_gateway.intake import Batch, Event
from tidegate_gateway.otlp.logs import log_batch
from tidegate_gateway.otlp.spans import span_batch
from tidegate_gateway.turns import at_once

AT = 1_772_366_400_000_000_000
SERVER, CLIENT, PRODUCER = Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_PRODUCER


def pairs(named: dict[str, Any]) -> list[KeyValue]:
    kinds = {str: "string_value", bool: "bool_value", int: "int_value"}
    return [KeyValue(key=key, value=AnyValue(**{kinds[type(value)]: value})) for key, value in named.items()]


RESOURCE: dict[str, Any] = {"service.name": "shop", "telemetry.sdk.language": "python"}


def taken(
    kind: Span.SpanKind.ValueType,
    named: dict[str, Any],
    name: str = "x",
    of: dict[str, Any] = RESOURCE,
    **more: Any,
) -> Batch:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.extend(pairs(of))
    given = {
        "trace_id": b"\x01" * 16,
        "span_id": b"\x02" * 8,
        "start_time_unix_nano": AT,
        "end_time_unix_nano": AT + 10**9,
    }
    span = Span(name=name, kind=kind, attributes=pairs(named), **{**given, **more})
    resource.scope_spans.add().spans.append(span)
    return at_once(span_batch(request, "default"))


def span(kind: Span.SpanKind.ValueType, named: dict[str, Any], name: str = "x", **more: Any) -> Event:
    batch = taken(kind, named, name, **more)
    assert batch.bad == []
    return batch.events[0][1]


@pytest.mark.parametrize(
    "named",
    [
        {
            "http.request.method": "GET",
            "http.route": "/a/{id}",
            "http.response.status_code": 503,
            "url.scheme": "https",
            "server.address": "shop.example",
            "server.port": 8443,
            "url.path": "/a/5",
            "client.address": "203.0.113.9",
            "user_agent.original": "curl/8",
        },
        {
            "http.method": "GET",
            "http.route": "/a/{id}",
            "http.status_code": 503,
            "http.scheme": "https",
            "http.host": "shop.example:8443",
            "http.target": "/a/5",
            "net.peer.ip": "203.0.113.9",
            "http.user_agent": "curl/8",
        },
    ],
)
def test_a_server_span_is_a_request_by_new_names_and_old(named: dict[str, Any]) -> None:
    event = span(SERVER, named)
    assert (event["operation"], event["method"], event["route"], event["status_code"]) == (
        "request",
        "GET",
        "/a/{id}",
        503,
    )
    assert (event["url"], event["ip"], event["user_agent"]) == (
        "https://shop.example:8443/a/5",
        "203.0.113.9",
        "curl/8",
    )
    assert event["duration_seconds"] == 1.0


@pytest.mark.parametrize(
    ("named", "statement"),
    [
        ({"db.system.name": "postgresql", "db.query.text": "SELECT a FROM t WHERE b = 'x'"}, "SELECT t"),
        ({"db.system": "mysql", "db.statement": "SELECT `a` FROM `t` WHERE b = 'x'"}, "SELECT t"),
        ({"db.system.name": "postgresql", "db.query.summary": "SELECT  t", "db.query.text": "…"}, "SELECT t"),
        ({"db.system": "mongodb", "db.operation": "find", "db.mongodb.collection": "orders"}, "find orders"),
        ({"db.system": "redis", "db.statement": "GET session:4711"}, "GET"),
    ],
)
def test_a_client_span_of_a_database_is_a_query(named: dict[str, Any], statement: str) -> None:
    event = span(CLIENT, {**named, "db.query.parameter.0": "jane", "db.statement.parameters": "('jane',)"})
    assert (event["operation"], event["statement"]) == ("query", statement)
    assert "jane" not in str(event)


def test_a_query_named_by_its_whole_statement_is_named_by_its_summary() -> None:
    text = "SELECT a FROM t WHERE b = 'jane'"
    assert span(CLIENT, {"db.system": "sqlite", "db.statement": text}, text)["name"] == "SELECT t"


def test_other_clients_are_clients_and_messaging_is_internal() -> None:
    call = span(CLIENT, {"http.request.method": "POST", "http.response.status_code": 201, "url.full": "http://x/y"})
    assert (call["operation"], call["method"], call["status_code"], call["route"]) == ("client", "POST", 201, "")
    message = span(PRODUCER, {"messaging.system": "kafka"}, links=[Span.Link(), Span.Link()])
    assert message["operation"] == "internal"
    assert json.loads(message["properties"]) == {"messaging.system": "kafka", "span.links": 2}


@pytest.mark.parametrize(
    "bad", [{"trace_id": b""}, {"trace_id": bytes(16)}, {"span_id": b"\x01"}, {"end_time_unix_nano": 1}]
)
def test_a_span_without_ids_or_with_a_time_that_runs_back_is_refused(bad: dict[str, Any]) -> None:
    assert len(taken(SERVER, {}, **bad).bad) == 1


TRACE = """Traceback (most recent call last):
  File "/srv/app/shop.py", line 7, in buy
    pay(order)
  File "/usr/lib/python3.11/site-packages/pay.py", line 99, in pay
    raise ValueError("no")
ValueError: no
"""


def recorded(**more: Any) -> dict[str, Any]:
    named = pairs({"exception.type": "ValueError", "exception.message": "no", "exception.stacktrace": TRACE, **more})
    return {"events": [Span.Event(name="exception", time_unix_nano=AT + 5, attributes=named), Span.Event(name="retry")]}


def test_an_exception_on_a_span_is_an_error_of_the_same_trace() -> None:
    (_, request), (kind, error) = taken(SERVER, {"http.route": "/buy", "http.method": "POST"}, **recorded()).events
    assert (kind, error["name"], error["message"], error["handled"]) == ("error", "ValueError", "no", True)
    assert (error["trace_id"], error["span_id"], error["route"]) == (request["trace_id"], request["span_id"], "/buy")
    assert (error["service"], error["platform"]) == ("shop", "python")
    stack = json.loads(error["stack"])
    assert [(f["function"], f["lineno"], f["in_app"]) for f in stack] == [("buy", 7, True), ("pay", 99, False)]
    assert json.loads(request["properties"])["span.events"] == 1
    again = taken(SERVER, {"http.route": "/buy"}, **recorded()).events[1][1]
    assert again["event_id"] == error["event_id"]


def test_one_that_its_sender_reports_elsewhere_is_no_error() -> None:
    batch = taken(SERVER, {}, of={**RESOURCE, "tidegate.exceptions": "elsewhere"}, **recorded())
    assert [kind for kind, _ in batch.events] == ["span"]
    assert len(taken(SERVER, {}, of={**RESOURCE, "tidegate.exceptions": "here"}, **recorded()).events) == 2


def test_an_exception_that_escaped_was_not_handled() -> None:
    named = {"exception.escaped": True}
    assert taken(SERVER, {}, **recorded(**named)).events[1][1]["handled"] is False


def test_frames_of_other_languages_are_innermost_last() -> None:
    node = """Error: no
    at pay (/srv/node_modules/pay/index.js:3:9)
    at async buy (file:///srv/shop.mjs:12:5)
    at node:internal/x:1:2"""
    assert [(f.get("function"), f["filename"], f["lineno"], f["in_app"]) for f in frames(node)] == [
        (None, "node:internal/x", 1, False),
        ("async buy", "file:///srv/shop.mjs", 12, True),
        ("pay", "/srv/node_modules/pay/index.js", 3, False),
    ]
    java = (
        "java.lang.Error: no\n\tat org.shop.Pay.now(Pay.java:12)\n\tat java.base/java.lang.Thread.run(Thread.java:840)"
    )
    assert [(f["module"], f["function"], f.get("lineno")) for f in frames(java)] == [
        ("java.base/java.lang.Thread", "run", 840),
        ("org.shop.Pay", "now", 12),
    ]
    assert len(frames("at " * 30_000 + "\n" + "at (((((:::::\n" * 9_000)) <= 100


def logs(*records: LogRecord) -> Batch:
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    scope.scope.name = "shop.pay"
    scope.log_records.extend(records)
    return at_once(log_batch(request, "default"))


def line(**more: Any) -> LogRecord:
    return LogRecord(**{"time_unix_nano": AT, "severity_number": 13, "body": AnyValue(string_value="slow"), **more})


def test_a_log_record_is_a_log_event() -> None:
    record = line(attributes=pairs({"order": 5, "user.id": "u1"}), trace_id=b"\x01" * 16, span_id=b"\x02" * 8)
    ((kind, event),) = logs(record).events
    assert (kind, event["name"], event["body"], event["level"], event["logger"]) == (
        "log",
        "log",
        "slow",
        "warning",
        "shop.pay",
    )
    assert (event["severity_number"], event["trace_id"], event["span_id"]) == (13, "01" * 16, "02" * 8)
    assert (event["attributes"], event["user_id"]) == ('{"order":5}', "u1")


@pytest.mark.parametrize(
    ("severity", "level", "number"),
    [
        ({"severity_number": 1}, "debug", 1),
        ({"severity_number": 8}, "debug", 8),
        ({"severity_number": 9}, "info", 9),
        ({"severity_number": 17}, "error", 17),
        ({"severity_number": 24}, "fatal", 24),
        ({"severity_number": 0, "severity_text": "CRITICAL"}, "fatal", 21),
        ({"severity_number": 0, "severity_text": "chatty"}, "info", 0),
    ],
)
def test_the_level_is_that_of_the_severity(severity: dict[str, Any], level: str, number: int) -> None:
    ((_, event),) = logs(line(**severity)).events
    assert (event["level"], event["severity_number"]) == (level, number)


def test_equal_records_of_a_request_are_told_apart_and_a_request_sent_again_is_the_same() -> None:
    first = [event["event_id"] for _, event in logs(line(), line(), line(severity_number=9)).events]
    again = [event["event_id"] for _, event in logs(line(), line(), line(severity_number=9)).events]
    assert len(set(first)) == 3
    assert first == again


def test_a_structured_body_is_json_and_a_record_without_any_time_is_refused() -> None:
    body = AnyValue()
    body.kvlist_value.values.add(key="a").value.int_value = 1
    ((_, event),) = logs(line(body=body)).events
    assert event["body"] == '{"a":1}'
    assert [bad.problem.field for bad in logs(line(time_unix_nano=0)).bad] == ["timeUnixNano"]
    assert logs(line(time_unix_nano=0, observed_time_unix_nano=AT)).bad == []


def test_numbers_that_json_lacks_are_null() -> None:
    numbers = {"a": float("nan"), "b": float("inf"), "c": 1e22, "d": 2.5}
    named = [KeyValue(key=key, value=AnyValue(double_value=value)) for key, value in numbers.items()]
    record = line(attributes=named)
    assert logs(record).events[0][1]["attributes"] == '{"a":null,"b":null,"c":1e+22,"d":2.5}'
