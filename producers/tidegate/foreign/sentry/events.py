"""Sentry's error events as ours: what Sentry's own format says, whichever way it comes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.foreign.sentry.contexts import debug_images, kept_contexts, members_of, sdk_of, threads
from tidegate.foreign.sentry.releases import service_of
from tidegate.foreign.values import http_method, mapping, optional, text
from tidegate_schemas.canonical import canonical_json

Event = dict[str, Any]
MAX_FRAMES = 100
MAX_CAUSES = 10
LEVELS = frozenset({"fatal", "error", "warning", "info", "debug"})
_LEVEL_NAMES = {"critical": "fatal", "warn": "warning", "log": "info", "trace": "debug"}
_FRAME = ("module", "filename", "function", "lineno", "colno", "context_line", "in_app")
_MECHANISM = ("type", "handled", "synthetic", "source", "exception_id", "parent_id", "is_exception_group")


def error_fields(
    event: Mapping[str, Any], header: Mapping[str, Any], attachments: Sequence[Mapping[str, Any]] = ()
) -> Event:
    """The fields of kind `error`, but id and time, of an event as JSON has it.

    `stack` and `breadcrumbs` are lists and `properties` an object, for the caller to write. `header`: the envelope's.
    `attachments`: what is kept of those that came with it.
    """
    causes, exception = _exceptions(event)
    name, message = text(exception, "type"), text(exception, "value")
    mechanism = mapping(exception.get("mechanism"))
    listed, thread_stack = threads(event)
    stack = mapping(exception.get("stacktrace")) or mapping(event.get("stacktrace")) or thread_stack
    return {
        **common_fields(event, header),
        "name": name or "message",
        "message": message if name else _message(event),
        "level": level_of(event),
        "handled": mechanism.get("handled") is not False,
        "stack": _frames(stack),
        "fingerprint": _fingerprint(event.get("fingerprint")),
        "platform": text(event, "platform"),
        "breadcrumbs": _values(event.get("breadcrumbs"))[-MAX_FRAMES:],
        "properties": {
            "tags": tags_of(event.get("tags")),
            "extra": mapping(event.get("extra")),
            **_present(
                causes=[_cause(cause) for cause in causes[-MAX_CAUSES:]],
                mechanism=members_of(mechanism, _MECHANISM),
                module=text(exception, "module"),
                message_template=text(mapping(event.get("logentry")), "message"),
                threads=listed,
                contexts=kept_contexts(mapping(event.get("contexts"))),
                debug_images=debug_images(event),
                logger=text(event, "logger"),
                transaction=text(event, "transaction"),
                dist=text(event, "dist"),
                sdk=sdk_of(event),
                attachments=list(attachments),
            ),
        },
    }


def common_fields(event: Mapping[str, Any], header: Mapping[str, Any]) -> Event:
    """What error events and transactions share, but the time. Of the user an id is kept, of the request one header."""
    request, user = mapping(event.get("request")), mapping(event.get("user"))
    trace = mapping(mapping(event.get("contexts")).get("trace")) or mapping(header.get("trace"))
    transaction, ip = text(event, "transaction"), text(user, "ip_address")
    return {
        **release_of(event),
        "user_id": optional(user, "id", "username", "email"),
        "ip": ip if ip and ip != "{{auto}}" else None,
        "user_agent": _header(request.get("headers"), "user-agent"),
        "url": optional(request, "url"),
        "trace_id": optional(trace, "trace_id"),
        "span_id": optional(trace, "span_id"),
        "route": transaction if transaction.startswith("/") else "",
        "method": http_method(request, "method"),
    }


def release_of(event: Mapping[str, Any]) -> Event:
    """Environment, release, and the service: the tag of that name, else what stands before the release's @."""
    release = text(event, "release")
    return {
        "environment": text(event, "environment"),
        "release": release,
        "service": text(tags_of(event.get("tags")), "service") or service_of(release),
    }


def level_of(event: Mapping[str, Any]) -> str:
    """One of ours; `error` for any that we don't know."""
    level = text(event, "level", default="error").lower()
    level = _LEVEL_NAMES.get(level, level)
    return level if level in LEVELS else "error"


def tags_of(value: object) -> dict[str, Any]:
    """An object, or a list of pairs as older clients send it."""
    if isinstance(value, dict):
        return value
    pairs = value if isinstance(value, list) else []
    return {str(pair[0]): pair[1] for pair in pairs if isinstance(pair, list) and len(pair) == 2}


def _exceptions(event: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], Mapping[str, Any]]:
    """The causes, first one first, and the exception that was raised last."""
    values: list[Mapping[str, Any]] = [each for each in _values(event.get("exception")) if isinstance(each, dict)]
    if not values and isinstance(event.get("exception"), dict) and text(event["exception"], "type"):
        values = [event["exception"]]
    return (values[:-1], values[-1]) if values else ([], {})


def _cause(exception: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": text(exception, "type"),
        "value": text(exception, "value"),
        **_present(
            module=text(exception, "module"),
            mechanism=members_of(mapping(exception.get("mechanism")), _MECHANISM),
            frames=_frames(mapping(exception.get("stacktrace"))),
        ),
    }


def _values(value: object) -> list[Any]:
    """Sentry wraps most lists in `{"values": […]}`."""
    inner = value.get("values") if isinstance(value, dict) else value
    return inner if isinstance(inner, list) else []


def _message(event: Mapping[str, Any]) -> str:
    entry = mapping(event.get("logentry"))
    return (
        text(entry, "formatted", "message")
        or text(event, "message")
        or text(mapping(event.get("message")), "formatted")
    )


def _frames(stack: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Frames without local variables and without the source around the line."""
    frames = stack.get("frames")
    kept = [each for each in frames if isinstance(each, dict)][-MAX_FRAMES:] if isinstance(frames, list) else []
    return [members_of(frame, _FRAME) for frame in kept]


def _header(headers: object, name: str) -> str | None:
    """One request header, of an object or of a list of pairs."""
    pairs = headers.items() if isinstance(headers, dict) else headers if isinstance(headers, list) else ()
    for pair in pairs:
        if isinstance(pair, list | tuple) and len(pair) == 2 and str(pair[0]).lower() == name:
            return optional({name: pair[1]}, name)
    return None


def _present(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value}


def _fingerprint(value: object) -> str:
    """The sender's own grouping; Sentry's default mark alone is none."""
    parts = [str(part) for part in value] if isinstance(value, list) else []
    return "" if parts in ([], ["{{ default }}"], ["{{default}}"]) else canonical_json(parts)
