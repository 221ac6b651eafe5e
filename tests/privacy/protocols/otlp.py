"""OTLP traces, metrics and logs, as protobuf and as JSON."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message as Protobuf
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.privacy.planting import Planter
from tests.privacy.protocols.message import KEY, Message, Post
from tests.privacy.protocols.sentry import hex_id, statements

AT = 1_790_000_000_000_000_000


def messages(planter: Planter) -> Iterator[Message]:
    """Each signal in both encodings."""
    planter.protocol = "otlp"
    for signal, (build, request) in SIGNALS.items():
        headers = {
            "x-tidegate-key": KEY,
            "User-Agent": planter.header("user agent"),
            "X-Request-Id": planter.header("header"),
        }
        yield Post(f"/v1/{signal}", json.dumps(build(planter)).encode(), headers | {"Content-Type": "application/json"})
        content = ParseDict(binary_ids(build(planter)), request())
        yield Post(f"/v1/{signal}", content.SerializeToString(), headers | {"Content-Type": "application/x-protobuf"})


def binary_ids(value: Any) -> Any:
    """The same with ids in base64, as protobuf's own JSON has them."""
    if isinstance(value, list):
        return [binary_ids(item) for item in value]
    if not isinstance(value, dict):
        return value
    ids = {"traceId", "spanId", "parentSpanId"}
    return {
        key: base64.b64encode(bytes.fromhex(item)).decode()
        if key in ids and isinstance(item, str)
        else binary_ids(item)
        for key, item in value.items()
    }


def attributes(pairs: Mapping[str, str]) -> list[dict[str, Any]]:
    """Attributes of texts."""
    return [{"key": key, "value": {"stringValue": value}} for key, value in pairs.items()]


def resource(planter: Planter) -> dict[str, Any]:
    """Who emits."""
    names = (
        "service.name",
        "service.version",
        "deployment.environment.name",
        "host.name",
        "service.instance.id",
        "process.owner",
    )
    return {
        "attributes": attributes(
            {name: planter.text("resource attribute") for name in names} | {planter.text("JSON key"): "x"}
        )
    }


def traces(planter: Planter) -> dict[str, Any]:
    """A request, a query for each statement, and an exception."""
    planter.anyone()
    text, place = planter.text, resource(planter)
    spans = [span(planter, 2, request(planter))]
    planter.anyone()
    for statement in statements(planter):
        query = {"db.system.name": "postgresql", "db.query.text": statement, "db.query.parameter.0": text("dropped")}
        spans.append(
            span(
                planter, 3, query | {"db.query.summary": text("SQL statement")} if planter.rng.random() < 0.3 else query
            )
        )
    raised = {
        "exception.type": text("event name"),
        "exception.message": text("message"),
        "exception.stacktrace": stack(planter),
    }
    spans[0]["events"] = [
        {"name": "exception", "timeUnixNano": str(AT), "attributes": attributes(raised)},
        {"name": text("dropped"), "timeUnixNano": str(AT), "attributes": attributes({"x": text("dropped")})},
    ]
    spans[0]["links"] = [
        {"traceId": hex_id(planter), "spanId": hex_id(planter, 16), "attributes": attributes({"x": text("dropped")})}
    ]
    spans[0]["status"] = {"code": 2, "message": text("dropped")}
    return {
        "resourceSpans": [{"resource": place, "scopeSpans": [{"scope": {"name": text("dropped")}, "spans": spans}]}]
    }


def stack(planter: Planter) -> str:
    """A stack as Python prints it."""
    frames = [
        f'  File "{planter.bare("stack frame")}", line 3, in run\n    mail = {planter.bare("stack frame")}'
        for _ in range(2)
    ]
    return "\n".join(["Traceback (most recent call last):", *frames, f"ValueError: {planter.bare('message')}"])


def request(planter: Planter) -> dict[str, str]:
    """Attributes of a request that was served."""
    text = planter.text
    return {
        "user.id": planter.person(),
        "session.id": text("id"),
        "client.address": planter.bare("ip", ["ipv4"]),
        "user_agent.original": text("user agent"),
        "url.full": f"https://example.org/{planter.bare('URL path')}?a=1&q={planter.bare('URL query')}",
        "url.query": text("URL query"),
        "http.route": text("route"),
        "http.request.method": text("label"),
        "http.request.header.cookie": text("header"),
        "enduser.id": text("dropped"),
        text("JSON key"): text("JSON value"),
        "other": text("JSON value"),
    }


def span(planter: Planter, kind: int, named: Mapping[str, str]) -> dict[str, Any]:
    """One span."""
    ids = {"traceId": hex_id(planter), "spanId": hex_id(planter, 16), "name": planter.text("event name"), "kind": kind}
    times = {"startTimeUnixNano": str(AT), "endTimeUnixNano": str(AT + 1000)}
    return ids | times | {"attributes": attributes(named), "traceState": planter.text("dropped")}


def metrics(planter: Planter) -> dict[str, Any]:
    """A gauge, a sum and a histogram with labels."""
    planter.anyone()
    text = planter.text

    def point(**values: Any) -> dict[str, Any]:
        labels = {"a": text("metric label"), text("metric label"): text("metric label")}
        exemplar = {"asDouble": 1, "timeUnixNano": str(AT), "filteredAttributes": attributes({"x": text("dropped")})}
        return {"timeUnixNano": str(AT), "attributes": attributes(labels), "exemplars": [exemplar], **values}

    shapes: list[dict[str, Any]] = [
        {"gauge": {"dataPoints": [point(asDouble=1.5)]}},
        {"sum": {"dataPoints": [point(asInt="3")], "aggregationTemporality": 2, "isMonotonic": True}},
        {
            "histogram": {
                "dataPoints": [point(count="1", sum=1, bucketCounts=["1", "0"], explicitBounds=[2])],
                "aggregationTemporality": 1,
            }
        },
    ]
    listed = [
        {"name": text("event name"), "unit": text("metric label"), "description": text("dropped")} | shape
        for shape in shapes
    ]
    return {"resourceMetrics": [{"resource": resource(planter), "scopeMetrics": [{"metrics": listed}]}]}


def logs(planter: Planter) -> dict[str, Any]:
    """A text, an object, and a record of an exception."""
    text = planter.text
    bodies: list[dict[str, Any]] = [
        {"stringValue": text("message")},
        {"kvlistValue": {"values": [{"key": text("JSON key"), "value": {"stringValue": text("message")}}]}},
        {"arrayValue": {"values": [{"stringValue": text("message")}, {"bytesValue": "AAAA"}]}},
    ]
    records = []
    for body in bodies:
        named = {"user.id": planter.person(), "client.address": planter.bare("ip", ["ipv4"]), "x": text("JSON value")}
        named |= {
            text("JSON key"): text("JSON value"),
            "event.name": text("event name"),
            "exception.stacktrace": stack(planter),
        }
        records.append(
            {"timeUnixNano": str(AT), "body": body, "severityText": text("dropped"), "attributes": attributes(named)}
        )
    planter.anyone()
    place, scope = resource(planter), {"name": text("label")}
    return {"resourceLogs": [{"resource": place, "scopeLogs": [{"scope": scope, "logRecords": records}]}]}


SIGNALS: Mapping[str, tuple[Callable[[Planter], dict[str, Any]], Callable[[], Protobuf]]] = {
    "traces": (traces, ExportTraceServiceRequest),
    "metrics": (metrics, ExportMetricsServiceRequest),
    "logs": (logs, ExportLogsServiceRequest),
}
