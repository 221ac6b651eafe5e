"""Ended spans of OpenTelemetry's SDK, and the exceptions on them, as fields of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id

from tidegate.foreign.errors import UnfitError
from tidegate.foreign.otel import conventions, exceptions, resources
from tidegate.instrument.otel_values import moment, named
from tidegate.instrument.statements import summarise
from tidegate_schemas.canonical import canonical_object
from tidegate_schemas.reasons import Reason

_SIDES: Mapping[SpanKind, conventions.Side] = {SpanKind.SERVER: "server", SpanKind.CLIENT: "client"}


def span_fields(span: ReadableSpan) -> dict[str, Any]:
    """A span's fields, `properties` as members; statements only as summaries. Raises UnfitError."""
    context, began, ended = span.get_span_context(), span.start_time, span.end_time
    if context is None or not context.is_valid or began is None or ended is None:
        raise UnfitError(Reason.MISSING_FIELD, "span", "must have ids, a start and an end")
    if ended < began:
        raise UnfitError(Reason.INVALID_FIELD, "end_time", "must not be before start_time")
    said = named(span.attributes)
    others = sum(event.name != exceptions.EVENT_NAME for event in span.events)
    return {
        **resources.service_fields(named(span.resource.attributes)),
        "occurred_at": moment(began),
        "sample_rate": conventions.sample_rate(context.trace_state.to_header()),
        "duration_seconds": (ended - began) / 1e9,
        "status": "error" if span.status.status_code is StatusCode.ERROR else "ok",
        "trace_id": format_trace_id(context.trace_id),
        "span_id": format_span_id(context.span_id),
        "parent_span_id": format_span_id(span.parent.span_id) if span.parent else None,
        "properties": conventions.properties(said, len(span.links), others),
        **conventions.described(span.name, _SIDES.get(span.kind, ""), said, summarise),
    }


def error_events(span: ReadableSpan, fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The exceptions that were recorded on a span, as fields of kind `error`; `fields`: the span's."""
    recorded = [event for event in span.events if event.name == exceptions.EVENT_NAME]
    if not recorded:  # nearly all
        return []
    resource = named(span.resource.attributes)
    if not resources.tells_exceptions(resource):
        return []
    return [
        _error_event(event, fields, resources.platform(resource)) for event in recorded[: exceptions.MAX_EXCEPTIONS]
    ]


def _error_event(event: Any, fields: Mapping[str, Any], platform: str) -> dict[str, Any]:
    error = exceptions.error_fields(named(event.attributes), fields, platform)
    service = {name: fields[name] for name in ("service", "release", "environment")}
    return {
        **service,
        **error,
        "occurred_at": moment(event.timestamp),
        "properties": canonical_object(error["properties"]),
    }
