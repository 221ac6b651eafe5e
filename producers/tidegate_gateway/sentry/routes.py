"""POST /api/{project}/envelope/ and /store/."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tidegate_gateway.edge import Edge, answer_json, retry_headers
from tidegate_gateway.errors import RETRY_AFTER_SECONDS, RefusedError
from tidegate_gateway.intake import Batch
from tidegate_gateway.sentry.envelope import Item, SentryEnvelope, parse_envelope
from tidegate_gateway.sentry.events import error_event
from tidegate_gateway.sentry.transactions import span_events
from tidegate_gateway.settings import Project
from tidegate_gateway.values import instant, mapping, parse_object, text
from tidegate_schemas.reasons import Reason

PROTOCOL = "sentry"


def routes(edge: Edge) -> list[Route]:
    """All of Sentry's paths."""

    async def envelope(request: Request) -> Response:
        parsed = parse_envelope(await edge.body(request))
        project = _project(edge, request, text(parsed.header, "dsn"))
        received_at = edge.intake.clock()
        batch = sort_out(parsed, project, received_at)
        await edge.intake.take(project, batch, received_at)
        return answer_json(_receipt(text(parsed.header, "event_id"), batch))

    async def store(request: Request) -> Response:
        event = parse_object(await edge.body(request))
        project, received_at = _project(edge, request, ""), edge.intake.clock()
        batch = Batch(PROTOCOL, [("error", error_event(event, project.id, received_at, None))])
        await edge.intake.take(project, batch, received_at)
        return answer_json(_receipt(text(event, "event_id"), batch))

    return [
        Route("/api/{number:int}/envelope/", edge.guard(PROTOCOL, envelope, _error), methods=["POST"]),
        Route("/api/{number:int}/store/", edge.guard(PROTOCOL, store, _error), methods=["POST"]),
    ]


def _receipt(event_id: str, batch: Batch) -> dict[str, Any]:
    receipt: dict[str, Any] = {"id": event_id.replace("-", "")} if event_id else {}
    if batch.bad:
        receipt["rejected"] = batch.rejected
    return receipt


def _error(_: Request, error: RefusedError) -> Response:
    """Never a bare 429 or 503: without X-Sentry-Rate-Limits the clients stop everything for a minute."""
    headers = {"X-Sentry-Error": error.problem.message, **retry_headers(error)}
    if error.status >= 500:
        headers["X-Sentry-Rate-Limits"] = f"{RETRY_AFTER_SECONDS}:error;transaction:project"
    status = 403 if error.problem.reason is Reason.UNAUTHORISED else error.status
    return answer_json({"detail": error.problem.message, "error": error.problem.as_json()}, status, headers)


def _project(edge: Edge, request: Request, dsn: str) -> Project:
    """By X-Sentry-Auth, the query, or the envelope's own DSN; the path's number must be the key's project."""
    auth = request.headers.get("x-sentry-auth") or request.headers.get("authorization", "")
    pairs = dict(part.strip().partition("=")[::2] for part in auth.removeprefix("Sentry ").split(",") if "=" in part)
    key = pairs.get("sentry_key") or request.query_params.get("sentry_key") or _user_of(dsn)
    project = edge.project(key)
    if project.number != request.path_params["number"]:
        raise RefusedError(Reason.UNAUTHORISED, "project", "the key belongs to another project than the path's")
    return project


def _user_of(dsn: str) -> str:
    return dsn.partition("://")[2].partition("@")[0].partition(":")[0] if "@" in dsn else ""


def sort_out(envelope: SentryEnvelope, project: Project, received_at: datetime) -> Batch:
    """Events and transactions, and what we have no place for."""
    sent = envelope.header.get("sent_at")
    sent_at = instant(sent, "sent_at") if sent else None
    batch = Batch(PROTOCOL)
    for index, item in enumerate(envelope.items):
        try:
            _sort_item(batch, item, envelope.header, project, (received_at, sent_at))
        except RefusedError as error:
            batch.refuse(index, error, item.payload)
    return batch


def _sort_item(
    batch: Batch,
    item: Item,
    header: Mapping[str, Any],
    project: Project,
    times: tuple[datetime, datetime | None],
) -> None:
    if item.type == "event":
        event = parse_object(item.payload, "event")
        batch.events.append(("error", error_event(event, project.id, *times, text(header, "event_id"))))
    elif item.type == "transaction":
        transaction = parse_object(item.payload, "transaction")
        rate = _sample_rate(header)
        batch.events += [("span", span) for span in span_events(transaction, project.id, *times, rate)]
    elif item.type == "client_report":
        _client_report(batch, parse_object(item.payload, "client_report"))
    else:
        batch.dropped["", Reason.UNSUPPORTED_ITEM] += 1


def _client_report(batch: Batch, report: Mapping[str, Any]) -> None:
    """What the client itself gave up: its own sampling and queue, by category."""
    kinds = {"error": "error", "transaction": "span", "span": "span"}
    discarded = report.get("discarded_events")
    for entry in discarded if isinstance(discarded, list) else []:
        quantity = mapping(entry).get("quantity")
        if isinstance(quantity, int) and 0 < quantity < 1 << 31:
            reason = Reason.SAMPLED if text(mapping(entry), "reason") == "sample_rate" else Reason.QUEUE_FULL
            batch.dropped[kinds.get(text(mapping(entry), "category"), ""), reason] += quantity


def _sample_rate(header: Mapping[str, Any]) -> float:
    """From the envelope's trace header; 1 where it says nothing usable."""
    try:
        rate = float(text(mapping(header.get("trace")), "sample_rate", default="1"))
    except ValueError:
        return 1.0
    return rate if 0 < rate <= 1 else 1.0
