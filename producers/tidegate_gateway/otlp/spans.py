"""OTLP spans as ours. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tidegate.foreign.otel import conventions
from tidegate.foreign.otel.shape import Shape, shape_of
from tidegate_gateway.errors import RefusedError
from tidegate_gateway.intake import Batch, Event
from tidegate_gateway.object_text import object_text
from tidegate_gateway.otlp.attributes import Origin, Values
from tidegate_gateway.otlp.exceptions import error_events
from tidegate_gateway.otlp.limits import refuse
from tidegate_gateway.statements import summarise
from tidegate_gateway.turns import Slices
from tidegate_gateway.values import from_nanos
from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.reasons import Reason

_SIDES: Mapping[int, conventions.Side] = {Span.SPAN_KIND_SERVER: "server", Span.SPAN_KIND_CLIENT: "client"}
_ZEROS = frozenset({bytes(16), bytes(8)})


def span_batch(request: ExportTraceServiceRequest, project: str) -> Slices[Batch]:
    """All spans of a request, good and bad, and the exceptions recorded on them."""
    batch, index, values = Batch("otlp"), 0, Values()
    for resource_spans in request.resource_spans:
        origin = Origin.of(resource_spans.resource, values)
        yield
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield
                try:
                    event = span_event(span, origin, project, values)
                    errors = error_events(span, event, origin, project, values) if span.events else ()
                except RefusedError as error:
                    refuse(batch, "span", index, error, span)
                else:
                    batch.events.append(("span", event))
                    batch.events.extend(("error", error) for error in errors)
                index += 1
    return batch


def span_event(span: Span, origin: Origin, project: str, values: Values, shape: Shape | None = None) -> Event:
    """One span. Raises RefusedError. `shape`: where its attributes are looked for, by default where they are."""
    trace_id, span_id = ids_of(span)
    began, ended = span.start_time_unix_nano, span.end_time_unix_nano
    if ended < began:
        raise RefusedError(Reason.INVALID_FIELD, "endTimeUnixNano", "must not be before startTimeUnixNano")
    named = values.named(span.attributes)
    shape = shape or shape_of(named)
    others = sum(event.name != "exception" for event in span.events) if span.events else 0
    return {
        **origin.fields,
        "event_id": derived_event_id("span", project, trace_id, span_id),
        "occurred_at": from_nanos(began, "startTimeUnixNano"),
        "sample_rate": conventions.sample_rate(span.trace_state),
        "duration_seconds": (ended - began) / 1e9,
        "status": "error" if span.status.code == Status.STATUS_CODE_ERROR else "ok",
        "trace_id": trace_id,
        "span_id": span_id,
        "parent_span_id": span.parent_span_id.hex() or None,
        "properties": object_text(conventions.properties(named, len(span.links), others, shape)),
        **conventions.described(span.name, _SIDES.get(span.kind, ""), named, summarise, shape),
    }


def ids_of(item: Span) -> tuple[str, str]:
    """Trace and span id in hexadecimal. Raises RefusedError where they aren't of their size, or nothing but zeros."""
    trace_id, span_id = item.trace_id, item.span_id
    for name, value, size in (("traceId", trace_id, 16), ("spanId", span_id, 8)):
        if len(value) != size or value in _ZEROS:
            raise RefusedError(Reason.INVALID_FIELD, name, f"must have {size} bytes that aren't all zero")
    return trace_id.hex(), span_id.hex()
