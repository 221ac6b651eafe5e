"""The gateway's paths for machines, GET /openapi.json: what is meant; the code bounds what is taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate_gateway.segment.mapping import TYPES

JsonSchema = Mapping[str, Any]

_TEXT: JsonSchema = {"type": "string"}
_ANY_OBJECT: JsonSchema = {"type": "object"}
_TIME: JsonSchema = {"type": "string", "format": "date-time"}


def _object(required: tuple[str, ...] = (), /, **properties: JsonSchema) -> JsonSchema:
    return {"type": "object", "properties": properties, "required": list(required)}


def _list(items: JsonSchema) -> JsonSchema:
    return {"type": "array", "items": items}


_CALL = _object(
    (),
    type={"enum": sorted(TYPES)},
    event=_TEXT,
    userId=_TEXT,
    anonymousId=_TEXT,
    messageId=_TEXT,
    previousId=_TEXT,
    groupId=_TEXT,
    timestamp=_TIME,
    properties=_ANY_OBJECT,
    traits=_ANY_OBJECT,
    context=_ANY_OBJECT,
)
_BEACON = _object(
    ("writeKey", "producerId", "events"),
    writeKey=_TEXT,
    producerId={"type": "string", "pattern": "^[0-9a-f]{32}$"},
    sentAt=_TIME,
    context=_ANY_OBJECT,
    events=_list(
        _object(
            ("kind", "id", "sequence"),
            kind={"enum": ["track", "error", "span", "metric"]},
            id=_TEXT,
            sequence={"type": "integer", "minimum": 1},
            at=_TIME,
            consent={"enum": ["granted", "anonymous"]},
            name=_TEXT,
            properties=_ANY_OBJECT,
        )
    ),
    dropped=_list(_ANY_OBJECT),
    closed={"type": "integer"},
)
_ATTRIBUTES = _list(_object(key=_TEXT, value=_object(stringValue=_TEXT)))
_NANOS: JsonSchema = {"type": "string", "pattern": "^[0-9]{1,19}$"}
_SPAN = _object(
    traceId={"type": "string", "pattern": "^[0-9a-f]{32}$"},
    spanId={"type": "string", "pattern": "^[0-9a-f]{16}$"},
    name=_TEXT,
    kind={"type": "integer"},
    startTimeUnixNano=_NANOS,
    endTimeUnixNano=_NANOS,
    attributes=_ATTRIBUTES,
)
_METRIC = _object(name=_TEXT, unit=_TEXT, gauge=_object(dataPoints=_list(_object(timeUnixNano=_NANOS))))
_RECORD = _object(timeUnixNano=_NANOS, body=_object(stringValue=_TEXT), attributes=_ATTRIBUTES)


def _otlp(signal: str, items: str, item: JsonSchema) -> JsonSchema:
    scopes = _list(_object(scope=_ANY_OBJECT, **{items: _list(item)}))
    return _object(**{f"resource{signal}": _list(_object(resource=_ANY_OBJECT, **{f"scope{signal}": scopes}))})


def _operation(summary: str, bodies: Mapping[str, JsonSchema], *parameters: JsonSchema) -> dict[str, Any]:
    """What a path takes. Whatever is wrong is answered with 4xx and its reason; 503 is to be sent again."""
    operation: dict[str, Any] = {
        "summary": summary,
        "parameters": list(parameters),
        "responses": {"2XX": {"description": "taken"}, "4XX": {"description": "refused: why, and which field"}},
    }
    if bodies:
        operation["requestBody"] = {"content": {kind: {"schema": schema} for kind, schema in bodies.items()}}
    return operation


def _in(where: str, name: str, schema: JsonSchema = _TEXT) -> JsonSchema:
    return {"in": where, "name": name, "required": where == "path", "schema": schema}


_NUMBER = _in("path", "number", {"type": "integer", "minimum": 0})
_SENTRY_KEY = _in("query", "sentry_key")
_KEY = _in("header", "x-tidegate-key")
_JSON = "application/json"
_BATCH = _object(("batch",), writeKey=_TEXT, sentAt=_TIME, context=_ANY_OBJECT, batch=_list(_CALL))
_ENVELOPE = "application/x-sentry-envelope"


def _paths() -> dict[str, dict[str, Any]]:
    """Every path but those that stand for another one: browsers' short names, and those with a slash at the end."""
    calls = {
        f"/v1/{name}": _operation(f"Segment's {name}", {_JSON: _object(writeKey=_TEXT, **_CALL["properties"])})
        for name in TYPES
    }
    batches = {
        f"/v1/{name}": _operation("Segment's calls, many at once", {_JSON: _BATCH}) for name in ("batch", "import")
    }
    signals = {
        "traces": ("Spans", "spans", _SPAN),
        "metrics": ("Metrics", "metrics", _METRIC),
        "logs": ("Logs", "logRecords", _RECORD),
    }
    otlp = {
        f"/v1/{name}": _operation(
            f"OTLP {name}",
            {_JSON: _otlp(*about), "application/x-protobuf": {"type": "string", "format": "binary"}},
            _KEY,
        )
        for name, about in signals.items()
    }
    sentry = {
        "envelope": _operation("Sentry's envelope", {_ENVELOPE: _TEXT}, _NUMBER, _SENTRY_KEY),
        "store": _operation("Sentry's event", {_JSON: _ANY_OBJECT}, _NUMBER, _SENTRY_KEY),
        "security": _operation("A browser's report: counted", {_JSON: _ANY_OBJECT}, _NUMBER, _SENTRY_KEY),
        "minidump": _operation("A minidump: counted", {"multipart/form-data": _ANY_OBJECT}, _NUMBER, _SENTRY_KEY),
        "cron/{slug}": _operation("A check-in", {_JSON: _ANY_OBJECT}, _NUMBER, _in("path", "slug"), _SENTRY_KEY),
    }
    posted = {
        **calls,
        **batches,
        **otlp,
        "/v1/beacon": _operation("A page's events", {_JSON: _BEACON, "text/plain": _TEXT}),
    }
    posted |= {f"/api/{{number}}/{name}/": operation for name, operation in sentry.items()}
    got = {
        "/v1/projects/{key}/settings": _operation("What Segment's browser client asks for", {}, _in("path", "key")),
        "/tidegate.js": _operation("The browser SDK", {}),
        "/healthz": _operation("Whether it takes events", {}),
        "/metrics": _operation("For Prometheus", {}),
    }
    return {
        **{path: {"post": each} for path, each in posted.items()},
        **{path: {"get": each} for path, each in got.items()},
    }


def description(version: str) -> dict[str, Any]:
    """The whole document."""
    info = {"title": "Tidegate's gateway", "version": version}
    return {"openapi": "3.1.0", "info": info, "paths": _paths()}
