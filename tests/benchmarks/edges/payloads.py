"""What official clients send, as bytes: made by the clients or by what they put on the wire, with new ids each time."""

from __future__ import annotations

import base64
import gzip
import itertools
import secrets
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import sentry_sdk
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport
from tests.benchmarks.edges.servers import KEY, NUMBER, PROJECT

from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.topics import Kind

BATCH_EVENTS = 100
"""What Segment's Python client sends at once, by default."""
EXPORT_SPANS = 512
"""What OpenTelemetry's SDKs export at once, by default."""
_PAIRS: dict[type, str] = {str: "string_value", bool: "bool_value", int: "int_value"}


@dataclass(frozen=True)
class Workload:
    """Requests of one kind; `make` gives one more and the ids that its events have in the raw topic."""

    name: str
    unit: str
    kind: Kind
    events: int
    make: Callable[[], tuple[bytes, Sequence[str]]]
    is_json: bool = True
    """Whether a bare endpoint could parse it."""


def _template(text: bytes, ids: Sequence[bytes]) -> list[bytes]:
    """What stands between these ids."""
    parts = []
    for each in ids:
        before, _, text = text.partition(each)
        parts.append(before)
    return [*parts, text]


def _filled(parts: Sequence[bytes], ids: Sequence[bytes]) -> bytes:
    return b"".join(itertools.chain.from_iterable(itertools.zip_longest(parts, ids, fillvalue=b"")))


def _http(path: str, body: bytes, **headers: str) -> bytes:
    lines = {"Host": "127.0.0.1", "Content-Length": str(len(body)), **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def _call(number: int) -> dict[str, Any]:
    """A call as Segment's Python client queues it."""
    return {
        "integrations": {},
        "anonymousId": None,
        "properties": {
            "total": 12.5 + number,
            "currency": "EUR",
            "items": number % 7,
            "feature": "cart",
            "plan": "pro",
        },
        "timestamp": datetime.now(UTC).isoformat(),
        "context": {"library": {"name": "analytics-python", "version": "2.3.3"}},
        "userId": f"user-{number * 7919 % 5000}",
        "type": "track",
        "event": f"order_{number % 30}",
        "messageId": str(uuid.uuid4()),
    }


def _segment(path: str, body: Any, calls: Sequence[dict[str, Any]]) -> Callable[[], tuple[bytes, Sequence[str]]]:
    parts = _template(orjson.dumps(body), [call["messageId"].encode() for call in calls])
    basic = base64.b64encode(f"{KEY}:".encode()).decode()

    def make() -> tuple[bytes, Sequence[str]]:
        ids = [str(uuid.UUID(bytes=secrets.token_bytes(16))) for _ in calls]
        content = _filled(parts, [each.encode() for each in ids])
        request = _http(path, content, Authorization=f"Basic {basic}", Content_Type="application/json")
        return request, [derived_event_id("segment", PROJECT, each) for each in ids]

    return make


def segment_batch() -> Workload:
    """`/v1/batch` of a hundred calls."""
    calls = [_call(number) for number in range(BATCH_EVENTS)]
    body = {"batch": calls, "sentAt": datetime.now(UTC).isoformat()}
    return Workload("segment_batch", "events", "track", BATCH_EVENTS, _segment("/v1/batch", body, calls))


def segment_track() -> Workload:
    """`/v1/track` of one call."""
    call = _call(1)
    return Workload("track", "requests", "track", 1, _segment("/v1/track", call, [call]))


def _fails(depth: int) -> None:
    if depth:
        _fails(depth - 1)
    else:
        {"basket": 1}["cart"]


def _captured() -> Envelope:
    """What Sentry's Python client sends of an exception."""
    caught: list[Envelope] = []

    class Catch(Transport):
        def capture_envelope(self, envelope: Envelope) -> None:
            caught.append(envelope)

    client = sentry_sdk.Client(f"http://{KEY}@127.0.0.1/{NUMBER}", transport=Catch, release="shop@1.4.0")
    with sentry_sdk.isolation_scope() as scope:
        scope.set_client(client)
        scope.set_user({"id": "42", "ip_address": "203.0.113.7"})
        for number in range(10):
            scope.add_breadcrumb({"category": "http", "message": f"GET /things/{number}", "type": "http"})
        try:
            _fails(10)
        except KeyError as error:
            scope.capture_exception(error)
    return caught[0]


def sentry_envelope() -> Workload:
    """An envelope with an error, packed as Sentry's Python client does it."""
    envelope = _captured()
    event_id = envelope.headers["event_id"].encode()
    parts = _template(envelope.serialize(), [event_id, event_id])
    auth = f"Sentry sentry_key={KEY}, sentry_version=7, sentry_client=sentry.python/2.30.0"
    headers = {"Content_Type": "application/x-sentry-envelope", "Content_Encoding": "gzip", "X_Sentry_Auth": auth}

    def make() -> tuple[bytes, Sequence[str]]:
        event_id = secrets.token_hex(16)
        body = gzip.compress(_filled(parts, [event_id.encode()] * 2), 9)
        request = _http(f"/api/{NUMBER}/envelope/", body, **headers)
        return request, [derived_event_id("sentry", PROJECT, event_id)]

    return Workload("sentry", "envelopes", "error", 1, make, is_json=False)


def _pairs(named: dict[str, Any]) -> Iterator[KeyValue]:
    for key, value in named.items():
        yield KeyValue(key=key, value=AnyValue(**{_PAIRS[type(value)]: value}))


def _attributes(number: int) -> tuple[str, Span.SpanKind.ValueType, dict[str, Any]]:
    """A request, its query and what it does inside, as OpenTelemetry's instrumentation of FastAPI and SQLAlchemy."""
    if number % 4 == 0:
        route = f"/orders/{number % 20}/{{id}}"
        return (
            f"GET {route}",
            Span.SPAN_KIND_SERVER,
            {
                "http.request.method": "GET",
                "url.scheme": "https",
                "server.address": "shop.example.org",
                "server.port": 443,
                "url.path": f"/orders/{number % 20}/{number}",
                "http.route": route,
                "http.response.status_code": 200,
                "client.address": "203.0.113.7",
                "client.port": 40_000 + number,
                "network.protocol.version": "1.1",
                "user_agent.original": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0.0.0",
            },
        )
    if number % 4 < 3:
        statement = f"SELECT id, total FROM orders_{number % 10} WHERE customer = %(customer)s"
        return (
            "SELECT shop",
            Span.SPAN_KIND_CLIENT,
            {
                "db.system.name": "postgresql",
                "db.namespace": "shop",
                "db.query.text": statement,
                "server.address": "db.internal",
                "server.port": 5432,
            },
        )
    return "render", Span.SPAN_KIND_INTERNAL, {"code.function": "render", "items": number, "cached": number % 8 == 7}


_RESOURCE = {
    "service.name": "shop",
    "service.version": "1.4.0",
    "deployment.environment.name": "production",
    "telemetry.sdk.language": "python",
    "telemetry.sdk.name": "opentelemetry",
    "telemetry.sdk.version": "1.38.0",
    "host.name": "shop-7f9c",
    "process.pid": 17,
}


def otlp_spans() -> Workload:
    """An export of 512 spans in protobuf: requests, queries and internal ones, four a trace."""
    request, ids = ExportTraceServiceRequest(), list[bytes]()
    resource = request.resource_spans.add()
    resource.resource.attributes.extend(_pairs(_RESOURCE))
    scope = resource.scope_spans.add()
    scope.scope.name = "opentelemetry.instrumentation"
    at = int(datetime.now(UTC).timestamp() * 1e9)
    for number in range(EXPORT_SPANS):
        name, kind, named = _attributes(number)
        ids += [secrets.token_bytes(16), secrets.token_bytes(8)]
        span = scope.spans.add(name=name, kind=kind, attributes=_pairs(named))
        span.trace_id, span.span_id, span.parent_span_id = ids[-2], ids[-1], b"\x07" * 8 if number % 4 else b""
        span.start_time_unix_nano, span.end_time_unix_nano = at, at + number * 10**6
    parts = _template(request.SerializeToString(), ids)
    headers = {"Content_Type": "application/x-protobuf", "X_Tidegate_Key": KEY}

    def make() -> tuple[bytes, Sequence[str]]:
        traces = [secrets.token_bytes(16) for _ in range(EXPORT_SPANS // 4)]
        named = [(traces[number // 4], secrets.token_bytes(8)) for number in range(EXPORT_SPANS)]
        body = _filled(parts, list(itertools.chain.from_iterable(named)))
        found = [derived_event_id("span", PROJECT, trace.hex(), span.hex()) for trace, span in named]
        return _http("/v1/traces", body, **headers), found

    return Workload("otlp", "spans", "span", EXPORT_SPANS, make, is_json=False)


WORKLOADS = {each.__name__: each for each in (segment_batch, segment_track, sentry_envelope, otlp_spans)}
