"""POST /v1/{track,identify,page,screen,group,alias,batch,import}, a browser's short paths, and its settings."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from tidegate_gateway.consent import has_privacy_signal
from tidegate_gateway.edge import Edge, answer_json
from tidegate_gateway.errors import RefusedError
from tidegate_gateway.intake import Batch
from tidegate_gateway.segment.answers import refused, taken
from tidegate_gateway.segment.credentials import body_key, header_key
from tidegate_gateway.segment.fields import members, moment
from tidegate_gateway.segment.items import PROTOCOL, as_json, rejections, sort_out
from tidegate_gateway.segment.mapping import TYPES, Request
from tidegate_gateway.settings import Project
from tidegate_gateway.values import kind_name, parse_object
from tidegate_schemas.reasons import Reason

#: RudderStack's clients send 4 MiB of events, then what is around them, and the event that crossed the line.
MAX_BATCH_BYTES = 5 << 20
MAX_BATCH_ITEMS = 20_000
#: Calls that are worked on before other requests have their turn, and Kafka is waited for.
SLICE_ITEMS = 500
#: What @segment/analytics-next calls itself, by the first letter of the call.
SHORT = {name[0]: name for name in TYPES}

Endpoint = Callable[[HttpRequest], Awaitable[Response]]
Items = tuple[Mapping[str, Any], list[Any]]


def routes(edge: Edge) -> list[Route]:
    """All of Segment's paths, with and without a slash at the end."""

    def calls(read: Callable[[bytes], Items], browser: bool = False) -> Endpoint:
        async def endpoint(request: HttpRequest) -> Response:
            return await _take(edge, request, read, _browser_ip(request) if browser else None)

        return edge.guard(PROTOCOL, endpoint, refused)

    async def settings(request: HttpRequest) -> Response:
        return _settings(edge, request)

    post = {
        **{name: calls(_one(name)) for name in TYPES},
        **{letter: calls(_one(name), browser=True) for letter, name in SHORT.items()},
        "batch": calls(_many),
        "import": calls(_many),
        "b": calls(_many, browser=True),
    }
    get = {"projects/{key}/settings": edge.guard(PROTOCOL, settings, refused)}
    paths = [("POST", name, endpoint) for name, endpoint in post.items()]
    paths += [("GET", name, endpoint) for name, endpoint in get.items()]
    return [
        Route(f"/v1/{name}{slash}", endpoint, methods=[method])
        for method, name, endpoint in paths
        for slash in ("", "/")
    ]


async def _take(edge: Edge, http: HttpRequest, read: Callable[[bytes], Items], browser_ip: str | None) -> Response:
    authorization = http.headers.get("authorization", "")
    known, raw = header_key(authorization), b""
    if known:  # refused before the body is looked at
        edge.admit(edge.project(known))
    try:
        raw = await edge.body(http, MAX_BATCH_BYTES)
        # The parsed body is let go of here: as objects it may be thirty times as large as on the wire.
        project, items, request = _admitted(edge, read(raw), known, http.headers, browser_ip)
    except RefusedError as error:
        if not known or error.status not in {400, 413}:
            raise
        return await _keep(edge, http, edge.project(known), raw, error)
    return await _by_slices(edge, project, items, request)


async def _keep(edge: Edge, http: HttpRequest, project: Project, raw: bytes, error: RefusedError) -> Response:
    """Refuse a whole body, which its client will throw away, and leave a dead letter of it."""
    edge.admit(project, 1)
    batch = Batch(PROTOCOL)
    batch.refuse(0, error, raw)
    await edge.intake.take(project, batch, edge.intake.clock())
    return refused(http, error)


def _admitted(
    edge: Edge, read: Items, known: str, headers: Mapping[str, str], browser_ip: str | None
) -> tuple[Project, list[Any], Request]:
    body, items = read
    project = edge.project(known or body_key(headers.get("authorization", ""), body, items))
    if len(items) > MAX_BATCH_ITEMS:
        raise RefusedError(Reason.OVERSIZE, "batch", f"has {len(items)} items, and may have {MAX_BATCH_ITEMS}")
    shared, most = members(body, "context"), edge.settings.max_event_bytes
    if len(as_json(shared)) > most:  # it is in every event of the batch
        raise RefusedError(Reason.OVERSIZE, "context", f"may have {most} bytes as JSON, as every event has it")
    request = Request(
        project.id, edge.intake.clock(), moment(body, "sentAt"), shared, browser_ip, has_privacy_signal(headers)
    )
    edge.admit(project, max(1, len(items)))
    return project, items, request


async def _by_slices(edge: Edge, project: Project, items: list[Any], request: Request) -> Response:
    """Hand the calls over, some hundred at a time; `items` is emptied meanwhile."""
    accepted, rejected, first = 0, list[dict[str, Any]](), 0
    while items:
        part = items[:SLICE_ITEMS]
        del items[:SLICE_ITEMS]
        batch = await edge.turns.run(sort_out(part, request, first, edge.settings.max_event_bytes))
        rejected += rejections(batch, part, first)
        first += len(part)
        part.clear()  # Kafka's answer is waited for with the events only
        await edge.intake.take(project, batch, request.received_at)
        accepted += len(batch.events) + batch.dropped.total()
    return taken(accepted, rejected)


def _one(name: str) -> Callable[[bytes], Items]:
    def read(raw: bytes) -> Items:
        body = parse_object(raw)
        # What a batch has around its items, a single call has in itself.
        return {**body, "context": None}, [{**body, "type": name}]

    return read


def _many(raw: bytes) -> Items:
    body = parse_object(raw)
    items = body.get("batch")
    if not isinstance(items, list):
        raise RefusedError(Reason.MISSING_FIELD, "batch", f"must be an array, is {kind_name(items)}")
    return body, items


def _browser_ip(request: HttpRequest) -> str | None:
    """Who calls, where that is the visitor's own browser: its client doesn't know its address."""
    try:
        return str(ipaddress.ip_address(request.client.host)) if request.client else None
    except ValueError:
        return None


def _settings(edge: Edge, request: HttpRequest) -> Response:
    """What @segment/analytics-next asks for: this gateway as the only destination, and no metrics about itself."""
    key = request.path_params["key"]
    edge.project(key)
    here = {"apiKey": key, "apiHost": f"{request.url.netloc}/v1", "protocol": request.url.scheme}
    content = {"integrations": {"Segment.io": here}, "metrics": {"sampleRate": 0}}
    return answer_json(content, headers={"Cache-Control": "private, max-age=60"})
