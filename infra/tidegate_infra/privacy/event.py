"""An event that somebody wrote down as JSON, as the gate would decode it."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tidegate_gateway.errors import RefusedError
from tidegate_gateway.segment.mapping import TYPES, Request, to_event
from tidegate_infra.errors import InfraError
from tidegate_schemas.canonical import canonical_json
from tidegate_schemas.errors import EncodeError
from tidegate_schemas.identity import new_event_id
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import KINDS, REQUIRED, Field, Kind, raw_schema

__all__ = ["read_event"]

_SEGMENT = frozenset({"messageId", "userId", "anonymousId", "event", "context", "groupId", "previousId"})
_LIKELY: Mapping[str, Any] = {
    "operation": "request",
    "duration_seconds": 0.0,
    "instrument": "gauge",
    "report": "feedback",
}
"""For fields that a kind demands: what stands for them where nothing was said."""


def read_event(text: str, kind: str, project: str, now: datetime) -> tuple[Kind, dict[str, Any]]:
    """Kind and raw record of JSON text: fields of the kind by name, or a call of Segment's API. Raises InfraError.

    What is absent gets its default. JSON fields may be given as JSON, times as ISO 8601.
    """
    known = next((each for each in KINDS if each == kind), None)
    if known is None:
        raise InfraError(f"kind {kind!r} is none of {', '.join(KINDS)}")
    try:
        given = json.loads(text)
    except ValueError as error:
        raise InfraError(f"the event is no JSON: {error}") from error
    if not isinstance(given, dict):
        raise InfraError("the event must be one JSON object")
    if given.get("type") in TYPES and _SEGMENT & given.keys():
        known, given = "track", _of_segment(given, project, now)
    return known, _decoded(known, given, project, now)


def _of_segment(call: Mapping[str, Any], project: str, now: datetime) -> dict[str, Any]:
    try:
        return dict(to_event(call, Request(project, now)))
    except RefusedError as error:
        raise InfraError(f"a call that the gateway refuses: {error.problem.field}: {error.problem.message}") from error


def _decoded(kind: Kind, given: Mapping[str, Any], project: str, now: datetime) -> dict[str, Any]:
    schema, codec = raw_schema(kind), RowCodec(raw_schema(kind))
    if unknown := sorted(given.keys() - set(schema.names)):
        raise InfraError(f"an event of kind {kind} has no {', '.join(unknown)}; it has {', '.join(schema.names)}")
    stands = {"event_id": new_event_id(), "producer_id": "explain", "name": kind, "project": project, **_LIKELY}
    event = {
        field.name: _value(field, given[field.name]) if field.name in given else _absent(field, stands, now)
        for field in schema.fields
    }
    try:
        decoded: dict[str, Any] = codec.decode(codec.encode(event))
    except EncodeError as error:
        raise InfraError(f"the event can't be encoded: {error}") from error
    return decoded


def _absent(field: Field, stands: Mapping[str, Any], now: datetime) -> Any:
    if field.default is not REQUIRED:
        return field.default
    return stands.get(field.name, now)


def _value(field: Field, value: Any) -> Any:
    if isinstance(field.value_type, dict) and field.value_type.get("logicalType") and isinstance(value, str):
        try:
            at = datetime.fromisoformat(value)
        except ValueError as error:
            raise InfraError(f"{field.name} is no time: give ISO 8601, such as 2026-11-27T10:00:00Z") from error
        if at.tzinfo is None:
            raise InfraError(f"{field.name} has no time zone: put a Z behind it for UTC")
        return at
    if field.value_type == "string" and isinstance(value, dict | list):
        return canonical_json(value)
    return value
