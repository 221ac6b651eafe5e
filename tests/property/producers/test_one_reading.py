"""The same error, span or point is the same event through the SDK as through the gateway, but for who numbers it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricsData
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    TraceFlags,
    TraceState,
    set_span_in_context,
)
from sentry_sdk.envelope import Envelope, Item, PayloadRef
from tests.unit.producers.recording import NOON, Recording

from tidegate.instrument.opentelemetry import MetricExporter, SpanExporter
from tidegate.instrument.sentry import transport
from tidegate.instrument.statements import summarise as without_parser
from tidegate_gateway.intake import Batch
from tidegate_gateway.otlp.points import metric_batch
from tidegate_gateway.otlp.spans import span_batch
from tidegate_gateway.sentry.arrival import Arrival
from tidegate_gateway.sentry.events import error_event
from tidegate_gateway.statements import summarise as with_parser
from tidegate_gateway.turns import at_once
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import raw_schema
from tidegate_schemas.topics import Kind

Event = dict[str, Any]
#: Who numbers an event and when it came differs; a client knows its process's device id and what consent it was set to.
OTHERWISE = {"event_id", "producer_id", "sequence", "received_at", "anonymous_id", "consent", "instance_id"}
SERVICE = {"service.name": "shop", "service.version": "shop@2", "deployment.environment.name": "prod"}


def client() -> Recording:
    """One that was set up with nothing that others may say."""
    return Recording(service="", release="", device=False)


def through_the_gateway(kind: Kind, events: list[Event]) -> list[Event]:
    codec, told = RowCodec(raw_schema(kind)), []
    for event in events:
        filled = {"project": "default", "producer_id": "gateway:1", "sequence": 1, "received_at": NOON, **event}
        told.append(codec.decode(codec.encode(filled)))
    return told


def same(ours: list[Event], theirs: list[Event]) -> None:
    assert [shared(event) for event in ours] == [shared(event) for event in theirs]


def shared(event: Event) -> Event:
    return {name: value for name, value in event.items() if name not in OTHERWISE}


WORDS = st.sampled_from(
    ["", "ValueError", "/cart", "7 is unlucky", "error", "warn", "critical", "GET", "no method", "\u00e9"]
)
SCALARS = st.one_of(WORDS, st.integers(-(10**16), 10**16), st.booleans(), st.none(), st.floats(-1e9, 1e9))
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3), max_leaves=6
)


def an_object(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[Event]:
    return st.fixed_dictionaries({}, optional={name: each | JSON for name, each in members.items()})


FRAMES = an_object(module=WORDS, function=WORDS, lineno=st.integers(0, 9), vars=JSON, in_app=st.booleans())
STACKS = an_object(frames=st.lists(FRAMES, max_size=3))
EXCEPTIONS = an_object(
    type=WORDS, value=WORDS, module=WORDS, stacktrace=STACKS, mechanism=an_object(type=WORDS, handled=st.booleans())
)
THREADS = an_object(id=st.just(1), crashed=st.booleans(), stacktrace=STACKS)
USERS = an_object(
    id=SCALARS, email=st.just("anna@example.org"), ip_address=st.sampled_from(["203.0.113.7", "{{auto}}"])
)
REQUESTS = an_object(
    url=st.just("https://shop.example/x?q=1"), method=WORDS, headers=st.just({"User-Agent": "Firefox"})
)
ERRORS = st.fixed_dictionaries(
    {"event_id": st.just("0" * 31 + "1"), "timestamp": st.sampled_from(["2026-03-01T11:59:58.25Z", 1772366398.5])},
    optional={
        "exception": an_object(values=st.lists(EXCEPTIONS, max_size=3)),
        "threads": an_object(
            values=st.lists(an_object(id=st.just(1), crashed=st.booleans(), stacktrace=STACKS), max_size=2)
        ),
        "logentry": an_object(message=WORDS, formatted=WORDS),
        "message": JSON,
        "level": WORDS,
        "fingerprint": st.lists(st.sampled_from(["{{ default }}", "checkout"]), max_size=2),
        "platform": WORDS,
        "transaction": WORDS,
        "release": st.sampled_from(["shop@1", "1.4", "", "anna@example.org"]),
        "environment": WORDS,
        "user": an_object(
            id=SCALARS, email=st.just("anna@example.org"), ip_address=st.sampled_from(["203.0.113.7", "{{auto}}"])
        ),
        "request": an_object(
            url=st.just("https://shop.example/x?q=1"), method=WORDS, headers=st.just({"User-Agent": "Firefox"})
        ),
        "contexts": an_object(
            trace=an_object(trace_id=st.just("ab" * 16), span_id=st.just("cd" * 8)),
            os=an_object(name=WORDS, id=WORDS),
            mine=JSON,
        ),
        "tags": an_object(service=WORDS, plan=WORDS) | st.just([["plan", "pro"]]),
        "extra": JSON,
        "breadcrumbs": an_object(values=st.lists(an_object(message=WORDS), max_size=3)),
        "sdk": an_object(name=WORDS, version=WORDS),
    },
)
HEADERS = st.sampled_from([{}, {"trace": {"trace_id": "ef" * 16, "release": "shop@9"}}])


@given(ERRORS, HEADERS, st.booleans())
@settings(max_examples=150, deadline=None)
@example({"event_id": "0" * 31 + "1", "timestamp": 1772366398.5, "user": {"ip_address": "{{auto}}"}}, {}, False)
def test_an_error_of_sentry(event: Event, header: Event, attached: bool) -> None:
    ours, envelope = client(), Envelope(headers=header)
    envelope.add_item(Item(PayloadRef(json=event), type="event"))
    if attached:
        envelope.add_item(Item(b"log", type="attachment", filename="app.log"))
    transport(ours)({}).capture_envelope(envelope)
    # Envelopes name a type where the application doesn't.
    kept = {
        "filename": "app.log",
        "size_bytes": 3,
        "content_type": "application/octet-stream",
        "type": "event.attachment",
    }
    arrival = Arrival("default", NOON, header=header, attachments=[kept] if attached else [])
    read = error_event(json.loads(json.dumps(event)), arrival)
    same(ours.of("error"), through_the_gateway("error", [read]))


#: Each stands where an attribute is looked for, or must not go on.
NAMES = """user.id enduser.id client.address net.peer.ip session.id user_agent.original url.full url.path server.address
server.port http.route http.request.method http.method http.response.status_code http.status_code db.system.name
db.query.summary db.query.text db.operation.name db.collection.name db.query.parameter.0 mine"""
VALUES = """GET|no method at all|/cart|postgresql|redis|mongodb|42|SELECT a FROM orders|203.0.113.7"""
ATTRIBUTES = st.dictionaries(
    st.sampled_from(NAMES.split()),
    st.sampled_from([*VALUES.split("|"), 200, 42, 99, 600, True, 2.5, ("a", "b")]),
    max_size=8,
)
KINDS = st.sampled_from(list(SpanKind))
STATES = st.sampled_from(["", "ot=th:8", "ot=th:c;rv:1,vendor=1", "ot=th:zz"])


def spans_of(
    attributes: Mapping[str, Any], kind: SpanKind, name: str, state: str, elsewhere: bool
) -> list[ReadableSpan]:
    kept = InMemorySpanExporter()
    said = {**SERVICE, "tidegate.exceptions": "elsewhere"} if elsewhere else SERVICE
    provider = TracerProvider(resource=Resource.create(said), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    members = [tuple(member.split("=", 1)) for member in state.split(",")] if state else []
    parent = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1), trace_state=TraceState(members))  # type: ignore[arg-type]
    around = set_span_in_context(NonRecordingSpan(parent))
    span = provider.get_tracer("shop").start_span(
        name, around, kind, attributes, links=[Link(parent)], start_time=1_772_366_398_000_000_123
    )
    span.add_event("other")
    span.add_event("exception", {"exception.type": "ValueError", "exception.stacktrace": TRACE, "plan": "pro"})
    span.record_exception(KeyError("x"), escaped=True)
    span.end(1_772_366_398_500_000_123)
    return list(kept.get_finished_spans())


TRACE = 'Traceback (most recent call last):\n  File "shop.py", line 7, in pay\n    f()\nValueError: no\n'


def of_kind(batch: Batch, kind: Kind) -> list[Event]:
    assert not batch.bad
    return [event for each, event in batch.events if each == kind]


@given(ATTRIBUTES, KINDS, st.sampled_from(["connect", "SELECT a FROM orders WHERE b = 1"]), STATES, st.booleans())
@settings(max_examples=150, deadline=None)
def test_a_span_and_its_exceptions(attributes: Event, kind: SpanKind, name: str, state: str, elsewhere: bool) -> None:
    spans, ours = spans_of(attributes, kind, name, state, elsewhere=elsewhere), client()
    SpanExporter(ours).export(spans)
    batch = at_once(span_batch(encode_spans(spans), "default"))
    same(ours.of("span"), through_the_gateway("span", of_kind(batch, "span")))
    same(ours.of("error"), through_the_gateway("error", of_kind(batch, "error")))
    assert len(ours.of("error")) == (0 if elsewhere else 2)


def measured(values: list[float], view: View | None) -> MetricsData:
    reader = InMemoryMetricReader()
    provider = MeterProvider(
        [reader], resource=Resource.create(SERVICE), views=[view] if view else [], shutdown_on_exit=False
    )
    meter = provider.get_meter("shop")
    up, down = meter.create_counter("orders", "1"), meter.create_up_down_counter("open")
    level, times = meter.create_gauge("level", "By"), meter.create_histogram("latency", "s")
    for value in values:
        said: Any = {"plan": ["pro", "free"], "pool": value > 1}
        up.add(abs(value), said)
        down.add(value, said)
        level.set(value, said)
        times.record(value, said)
    data = reader.get_metrics_data()
    assert data is not None
    return data


EXPONENTIAL = View(instrument_name="latency", aggregation=ExponentialBucketHistogramAggregation())


@pytest.mark.parametrize("view", [None, EXPONENTIAL], ids=["explicit", "exponential"])
@given(values=st.lists(st.floats(-1000, 1000).filter(lambda value: not 0 < abs(value) < 1e-9), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_points_of_metrics(values: list[float], view: View | None) -> None:
    data, ours = measured(values, view), client()
    MetricExporter(ours).export(data)
    batch = at_once(metric_batch(encode_metrics(data), "default"))
    same(ours.of("metric"), through_the_gateway("metric", of_kind(batch, "metric")))
    assert ours.dropped == {}


@pytest.mark.parametrize(
    ("statement", "system"),
    [
        ("SELECT * FROM agents a JOIN accounts c ON c.id = a.account WHERE a.id = 5", "postgresql"),
        ('SELECT "a"."id" FROM "public"."orders" a LEFT JOIN "lines" ON x = \'y FROM z\'', "postgresql"),
        ("SELECT * FROM [dbo].[Orders] WHERE id = @p0", "microsoft.sql_server"),
        ("WITH r AS (SELECT * FROM orders) SELECT * FROM r JOIN users ON 1 = 1", "postgresql"),
        ("INSERT INTO archive SELECT * FROM orders WHERE id = %(id)s", "postgresql"),
        ("INSERT INTO t (a) VALUES ($1) ON CONFLICT DO UPDATE SET a = $2", "postgresql"),
        ("UPDATE orders SET a = %s WHERE id = %s", "mysql"),
        ("SELECT id FROM jobs FOR UPDATE SKIP LOCKED", "postgresql"),
        ("DELETE FROM a WHERE id = 1; DELETE FROM b WHERE id = 1", "sqlite"),
        ("CREATE TABLE IF NOT EXISTS visits (id int)", "sqlite"),
        ("SELECT a FROM t WHERE b IN (SELECT c FROM u WHERE d = 'x') UNION ALL SELECT e FROM v", "mysql"),
        ("BEGIN", "sqlite"),
        ("SET session:4711 secret", "redis"),
        ('{"find": "orders"}', "mongodb"),
        ("hello there", ""),
        ("GET", "other_sql"),
    ],
)
def test_a_statement_is_summed_up_alike_with_and_without_a_parser(statement: str, system: str) -> None:
    assert without_parser(statement, system) == with_parser(statement, system)


def test_what_the_client_was_set_up_with_goes_before_what_a_library_says() -> None:
    ours = Recording(service="cart", release="", environment="staging")
    SpanExporter(ours).export(spans_of({}, SpanKind.SERVER, "GET /cart", "", elsewhere=True))
    (span,) = ours.of("span")
    assert (span["service"], span["release"], span["environment"]) == ("cart", "shop@2", "staging")


def test_a_field_that_one_way_read_otherwise_would_be_seen() -> None:
    ours, spans = client(), spans_of({"user.id": "42"}, SpanKind.SERVER, "GET /cart", "", elsewhere=True)
    SpanExporter(ours).export(spans)
    (read,) = of_kind(at_once(span_batch(encode_spans(spans), "default")), "span")
    with pytest.raises(AssertionError):
        same(ours.of("span"), through_the_gateway("span", [{**read, "user_id": None}]))
