"""Sentry's paths under /api/{project}: envelope, store, cron, security, minidump; with and without the last slash."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tidegate.foreign.sentry.contexts import attachment_of
from tidegate.foreign.values import text
from tidegate_gateway.consent import has_privacy_signal
from tidegate_gateway.edge import Edge, answer_json
from tidegate_gateway.errors import RefusedError
from tidegate_gateway.intake import Batch
from tidegate_gateway.sentry.answers import error_answer, receipt
from tidegate_gateway.sentry.arrival import Arrival
from tidegate_gateway.sentry.auth import early_project, project_of
from tidegate_gateway.sentry.check_ins import check_in_event
from tidegate_gateway.sentry.envelope import SentryEnvelope, parse_envelope
from tidegate_gateway.sentry.events import error_event, sentry_id
from tidegate_gateway.sentry.items import PROTOCOL, count_unsupported, sort_out, sort_transaction
from tidegate_gateway.settings import Project
from tidegate_gateway.signals import without_consent
from tidegate_gateway.values import instant, parse_object
from tidegate_schemas.identity import new_event_id
from tidegate_schemas.reasons import Reason

Read = TypeVar("Read")
Endpoint = Callable[[Request], Awaitable[Response]]


def routes(edge: Edge) -> list[Route]:
    """All of Sentry's paths."""

    async def envelope(request: Request) -> Response:
        parsed = await _read(edge, request, parse_envelope)
        project = project_of(edge, request, text(parsed.header, "dsn"))
        arrival = arrival_of(parsed, project, edge.intake.clock())
        batch = await edge.turns.run(sort_out(parsed, arrival))
        if has_privacy_signal(request.headers):
            batch = await edge.turns.run(without_consent(batch))
        edge.admit(project, max(1, len(batch.events)))
        await edge.intake.take(project, batch, arrival.received_at)
        return receipt(text(parsed.header, "event_id"), batch)

    async def store(request: Request) -> Response:
        most = edge.settings.max_inflated_bytes
        event = await _read(edge, request, lambda raw: parse_object(unpacked(raw, most)))
        project = project_of(edge, request)
        arrival, batch = Arrival(project.id, edge.intake.clock()), Batch(PROTOCOL)
        if event.get("type") == "transaction":
            sort_transaction(batch, 0, event, arrival)
        else:
            batch.events.append(("error", error_event(event, arrival)))
        if has_privacy_signal(request.headers):
            batch = await edge.turns.run(without_consent(batch))
        edge.admit(project, len(batch.events))
        await edge.intake.take(project, batch, arrival.received_at)
        return receipt(sentry_id(event, arrival), batch)

    async def cron(request: Request) -> Response:
        body = await edge.body(request)
        project = project_of(edge, request, key=request.path_params.get("key", ""))
        said = {**request.query_params, **(parse_object(body) if body.strip() else {})}
        said["monitor_slug"] = request.path_params["slug"]
        arrival = Arrival(project.id, edge.intake.clock())
        batch = Batch(PROTOCOL, [("health", check_in_event(_with_numbers(said), arrival))])
        edge.admit(project, 1)
        await edge.intake.take(project, batch, arrival.received_at)
        return answer_json({"id": text(said, "check_in_id").replace("-", "").lower()}, 202)

    def unsupported(name: str, what: str) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            project, batch = project_of(edge, request), Batch(PROTOCOL)
            edge.admit(project, 1)
            async for _ in request.stream():
                pass  # read to its end, or the sender never gets to see the answer
            count_unsupported(batch, name, new_event_id())  # whose copy it may be isn't known
            await edge.intake.take(project, batch, edge.intake.clock())
            raise RefusedError(
                Reason.UNSUPPORTED_ITEM, "path", f"{what} have no place in Tidegate; this one was counted"
            )

        return endpoint

    security = unsupported("security", "reports of browsers' policies")
    return [
        *_both(edge, "envelope", envelope),
        *_both(edge, "store", store),
        *_both(edge, "cron/{slug}", cron, "GET", "POST"),
        *_both(edge, "cron/{slug}/{key}", cron, "GET", "POST"),
        *_both(edge, "security", security),
        *_both(edge, "csp-report", security),
        *_both(edge, "minidump", unsupported("minidump", "minidumps")),
    ]


async def _read(edge: Edge, request: Request, read: Callable[[bytes], Read]) -> Read:
    """What a body says. Of one that is refused whole, which its client throws away, a dead letter is left.

    Raises RefusedError.
    """
    known, raw = early_project(edge, request), b""
    try:
        raw = await edge.body(request)
        return read(raw)
    except RefusedError as error:
        if known and error.status in {400, 413}:
            edge.admit(known, 1)
            batch = Batch(PROTOCOL)
            batch.refuse(0, error, raw)
            await edge.intake.take(known, batch, edge.intake.clock())
        raise


def arrival_of(envelope: SentryEnvelope, project: Project, received_at: datetime) -> Arrival:
    """What the items' mappings need to know. Raises RefusedError (invalid_field)."""
    sent = envelope.header.get("sent_at")
    has_error = any(item.type == "event" for item in envelope.items)
    attached = [item for item in envelope.items if item.type == "attachment"] if has_error else []
    return Arrival(
        project.id,
        received_at,
        instant(sent, "sent_at") if sent else None,
        envelope.header,
        [attachment_of(item.header, len(item.payload)) for item in attached],
    )


def unpacked(body: bytes, max_bytes: int) -> bytes:
    """The JSON of a body of /store/: oldest clients send it as base64 of zlib's. Raises RefusedError."""
    if body.lstrip()[:1] == b"{" or not body.strip():
        return body
    try:
        inflater = zlib.decompressobj()
        content = inflater.decompress(base64.b64decode(body, validate=True), max_bytes)
    except (binascii.Error, ValueError, zlib.error):
        return body  # no JSON either: refused as such
    if inflater.unconsumed_tail:
        raise RefusedError(Reason.OVERSIZE, "body", f"inflates to more than {max_bytes} bytes")
    return content


def _both(edge: Edge, path: str, endpoint: Endpoint, *methods: str) -> list[Route]:
    guarded = edge.guard(PROTOCOL, endpoint, error_answer)
    allowed = list(methods) or ["POST"]
    return [Route(f"/api/{{number:int}}/{path}{end}", guarded, methods=allowed) for end in ("/", "")]


def _with_numbers(said: dict[str, Any]) -> dict[str, Any]:
    """A check-in whose duration came as text, in a query."""
    duration = said.get("duration")
    if isinstance(duration, str):
        try:
            return {**said, "duration": float(duration)}
        except ValueError:
            limit = "must be a number of seconds"
            raise RefusedError(Reason.INVALID_FIELD, "duration", limit) from None
    return said
