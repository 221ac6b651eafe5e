"""Exceptions that were recorded on spans, as error events. Pure."""

from __future__ import annotations

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tidegate.foreign.otel.exceptions import EVENT_NAME, MAX_EXCEPTIONS, error_fields
from tidegate_gateway.intake import Event
from tidegate_gateway.object_text import object_text
from tidegate_gateway.otlp.attributes import Origin, Values
from tidegate_gateway.values import from_nanos
from tidegate_schemas.identity import derived_event_id


def error_events(span: Span, of_span: Event, origin: Origin, project: str, values: Values) -> list[Event]:
    """Each span event named `exception`, unless its sender reports them elsewhere. Raises RefusedError.

    The same span sent again gives the same ids.
    """
    found: list[Event] = []
    if not origin.tells_exceptions:
        return found
    for index, event in enumerate(span.events):
        if event.name == EVENT_NAME and len(found) < MAX_EXCEPTIONS:
            fields = error_fields(values.named(event.attributes), of_span, origin.platform)
            place = (of_span["trace_id"], of_span["span_id"], str(event.time_unix_nano), str(index))
            found.append(
                {
                    **origin.fields,
                    **fields,
                    "event_id": derived_event_id("span-exception", project, *place),
                    "occurred_at": from_nanos(event.time_unix_nano or span.end_time_unix_nano, "events.timeUnixNano"),
                    "properties": object_text(fields["properties"]),
                }
            )
    return found
