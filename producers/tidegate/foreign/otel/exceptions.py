"""Exceptions that were recorded on spans: what their span events' attributes say. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate.foreign.otel.stacks import frames
from tidegate.foreign.values import text
from tidegate_schemas.canonical import canonical_json

MAX_EXCEPTIONS = 32
"""Of one span; OpenTelemetry's SDKs keep 128 span events by default."""
EVENT_NAME = "exception"
#: What an error has of the span that it was recorded on.
_OF_SPAN = ("sample_rate", "trace_id", "span_id", "user_id", "session_id", "ip", "user_agent", "url")
_TAKEN = frozenset({"exception.type", "exception.message", "exception.stacktrace", "exception.escaped"})


def error_fields(named: Mapping[str, Any], of_span: Mapping[str, Any], platform: str) -> dict[str, Any]:
    """The fields of kind `error`, but id and time; `properties` as members, for the caller to write.

    `named`: the span event's attributes; `of_span`: the span's fields; `platform`: language of its SDK.
    """
    return {
        **{name: of_span[name] for name in _OF_SPAN},
        "name": text(named, "exception.type", default="Exception"),
        "level": "error",
        "message": text(named, "exception.message"),
        "handled": str(named.get("exception.escaped", False)).lower() != "true",
        "stack": canonical_json(frames(str(named.get("exception.stacktrace") or ""))),
        "platform": platform,
        "route": of_span.get("route", ""),
        "method": of_span.get("method", ""),
        "properties": {key: named[key] for key in named if key not in _TAKEN},
    }
