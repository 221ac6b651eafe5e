"""Exceptions that were recorded on spans, as error events. Pure."""

from __future__ import annotations

from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tidegate_gateway.intake import Event
from tidegate_gateway.object_text import object_text
from tidegate_gateway.otlp.attributes import Origin, Values
from tidegate_gateway.otlp.stacks import frames
from tidegate_gateway.values import from_nanos, text
from tidegate_schemas.canonical import canonical_json
from tidegate_schemas.identity import derived_event_id

MAX_EXCEPTIONS = 32
"""Of one span; OpenTelemetry's SDKs keep 128 span events by default."""
#: What an error has of the span that it was recorded on.
_OF_SPAN = ("sample_rate", "trace_id", "span_id", "user_id", "session_id", "ip", "user_agent", "url")
_TAKEN = frozenset({"exception.type", "exception.message", "exception.stacktrace", "exception.escaped"})


def error_events(span: Span, of_span: Event, origin: Origin, project: str, values: Values) -> list[Event]:
    """Each span event named `exception`, unless its sender reports them elsewhere. Raises RefusedError.

    The same span sent again gives the same ids.
    """
    found: list[Event] = []
    if not origin.tells_exceptions:
        return found
    for index, event in enumerate(span.events):
        if event.name == "exception" and len(found) < MAX_EXCEPTIONS:
            named = values.named(event.attributes)
            place = (of_span["trace_id"], of_span["span_id"], str(event.time_unix_nano), str(index))
            found.append(
                {
                    **origin.fields,
                    **{name: of_span[name] for name in _OF_SPAN},
                    **_told(named),
                    "event_id": derived_event_id("span-exception", project, *place),
                    "occurred_at": from_nanos(event.time_unix_nano or span.end_time_unix_nano, "events.timeUnixNano"),
                    "platform": origin.platform,
                    "route": of_span.get("route", ""),
                    "method": of_span.get("method", ""),
                    "properties": object_text({key: named[key] for key in named if key not in _TAKEN}),
                }
            )
    return found


def _told(named: dict[str, Any]) -> Event:
    return {
        "name": text(named, "exception.type", default="Exception"),
        "level": "error",
        "message": text(named, "exception.message"),
        "handled": str(named.get("exception.escaped", False)).lower() != "true",
        "stack": canonical_json(frames(str(named.get("exception.stacktrace") or ""))),
    }
