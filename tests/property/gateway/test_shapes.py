"""To look for attributes only where they are tells the same of a span as to look everywhere."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tidegate.foreign.otel.shape import ANY, PARAMETERS
from tidegate_gateway.otlp.attributes import Origin, Values
from tidegate_gateway.otlp.spans import span_event

MEANT = sorted({name for group in ANY[:-1] for name in group or ()} | {*PARAMETERS, f"{PARAMETERS[0]}.0", "db.name"})
NAMES = st.sampled_from(MEANT) | st.text(max_size=5)
VALUES = st.one_of(
    st.sampled_from(["", "GET", "200", "404", "shop.example.org", "postgresql", "redis", "SELECT a FROM b", "/x"]).map(
        lambda text: AnyValue(string_value=text)
    ),
    st.integers(0, 70_000).map(lambda number: AnyValue(int_value=number)),
    st.booleans().map(lambda yes: AnyValue(bool_value=yes)),
    st.just(AnyValue()),
)
KINDS = st.sampled_from([Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_INTERNAL])


@given(
    st.lists(st.tuples(NAMES, VALUES), max_size=12), KINDS, st.sampled_from(["", "connect", "SELECT a FROM b JOIN c"])
)
@settings(max_examples=300)
def test_a_span_tells_the_same_wherever_it_is_looked_at(
    pairs: list[tuple[str, Any]], kind: Span.SpanKind.ValueType, name: str
) -> None:
    attributes = [KeyValue(key=key, value=value) for key, value in pairs]
    span = Span(trace_id=b"\x01" * 16, span_id=b"\x02" * 8, name=name, kind=kind, attributes=attributes)
    span.start_time_unix_nano = span.end_time_unix_nano = 1_772_366_400_000_000_000
    values = Values()
    origin = Origin.of(Resource(), values)
    assert span_event(span, origin, "shop", values) == span_event(span, origin, "shop", values, ANY)
