"""OTLP log records as log events. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from tidegate.foreign.values import optional, text
from tidegate_gateway.errors import RefusedError
from tidegate_gateway.intake import Batch, Event
from tidegate_gateway.object_text import object_text
from tidegate_gateway.otlp.attributes import Origin, Values
from tidegate_gateway.otlp.limits import refuse
from tidegate_gateway.turns import Slices
from tidegate_gateway.values import from_nanos
from tidegate_schemas.canonical import canonical_json
from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.reasons import Reason

MAX_SEVERITY = 24
#: Lowest severity number of each level; TRACE counts as debug.
_LEVELS = ((21, "fatal"), (17, "error"), (13, "warning"), (9, "info"), (1, "debug"))
#: For records that say a severity's text alone.
_NUMBERS: Mapping[str, int] = {
    "trace": 1,
    "debug": 5,
    "info": 9,
    "notice": 10,
    "warn": 13,
    "warning": 13,
    "error": 17,
    "critical": 21,
    "fatal": 21,
    "alert": 21,
    "emergency": 21,
}
_TAKEN = frozenset({"event.name", "session.id", "user.id", "enduser.id", "client.address"})
_MAX_BODY = 65_536


def log_batch(request: ExportLogsServiceRequest, project: str) -> Slices[Batch]:
    """All log records of a request, good and bad."""
    batch, index, values = Batch("otlp"), 0, Values()
    seen: dict[str, int] = {}
    for resource_logs in request.resource_logs:
        origin = Origin.of(resource_logs.resource, values)
        yield
        for scope_logs in resource_logs.scope_logs:
            for record in scope_logs.log_records:
                yield
                try:
                    event = log_event(record, origin, scope_logs.scope.name, values)
                except RefusedError as error:
                    refuse(batch, "log", index, error, record)
                else:
                    event["event_id"] = _id(record, origin, scope_logs.scope.name, project, seen)
                    batch.events.append(("log", event))
                index += 1
    return batch


def _id(record: LogRecord, origin: Origin, scope: str, project: str, seen: dict[str, int]) -> str:
    """Log records have no id: of all they say, and of equal ones in a request which of them it is."""
    content = hashlib.sha256(record.SerializeToString(deterministic=True)).hexdigest()
    identity = derived_event_id("otlp-log", project, scope, content, *origin.identity)
    number = seen[identity] = seen.get(identity, 0) + 1
    return identity if number == 1 else derived_event_id("otlp-log-again", identity, str(number))


def log_event(record: LogRecord, origin: Origin, scope: str, values: Values) -> Event:
    """One log record, without its id. Raises RefusedError."""
    at = record.time_unix_nano or record.observed_time_unix_nano
    if not at:
        raise RefusedError(Reason.MISSING_FIELD, "timeUnixNano", "or observedTimeUnixNano must be given")
    named = values.named(record.attributes)
    body = values.plain(record.body) if record.HasField("body") else ""
    number = record.severity_number or _NUMBERS.get(record.severity_text.lower(), 0)
    if not 0 <= number <= MAX_SEVERITY:
        raise RefusedError(Reason.INVALID_FIELD, "severityNumber", f"must be from 0 to {MAX_SEVERITY}")
    event_name = record.event_name or text(named, "event.name")
    return {
        **origin.fields,
        "name": event_name[:1_024] or "log",
        "occurred_at": from_nanos(at, "timeUnixNano"),
        "body": (body if isinstance(body, str) else canonical_json(body))[:_MAX_BODY],
        "level": next((level for lowest, level in _LEVELS if number >= lowest), "info"),
        "severity_number": number,
        "logger": scope[:1_024],
        "trace_id": record.trace_id.hex() if len(record.trace_id) == 16 and any(record.trace_id) else None,
        "span_id": record.span_id.hex() if len(record.span_id) == 8 and any(record.span_id) else None,
        "user_id": optional(named, "user.id", "enduser.id"),
        "session_id": optional(named, "session.id"),
        "ip": optional(named, "client.address"),
        "attributes": object_text({key: named[key] for key in named if key not in _TAKEN}),
    }
