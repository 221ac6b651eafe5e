"""POST /v1/{track,identify,page,screen,group,alias,batch,import}, and the settings that browser clients ask for."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tidegate_gateway.edge import Edge, answer_json
from tidegate_gateway.errors import RefusedError
from tidegate_gateway.intake import Batch
from tidegate_gateway.segment.mapping import TYPES, to_event
from tidegate_gateway.settings import Project
from tidegate_gateway.values import instant, kind_name, mapping, parse_object, text
from tidegate_schemas.reasons import Reason

PROTOCOL = "segment"


def routes(edge: Edge) -> list[Route]:
    """All of Segment's paths."""

    async def single(request: Request) -> Response:
        body = parse_object(await edge.body(request))
        return await _take(edge, request, body, [{"type": request.url.path.rpartition("/")[2], **body}])

    async def batch(request: Request) -> Response:
        body = parse_object(await edge.body(request))
        items = body.get("batch")
        if not isinstance(items, list):
            raise RefusedError(Reason.MISSING_FIELD, "batch", f"must be an array, is {kind_name(items)}")
        return await _take(edge, request, body, items)

    async def settings(request: Request) -> Response:
        key = request.path_params["key"]
        edge.project(key)
        return answer_json({"integrations": {"Segment.io": {"apiKey": key}}})

    return [
        *(Route(f"/v1/{name}", edge.guard(PROTOCOL, single), methods=["POST"]) for name in sorted(TYPES)),
        *(Route(f"/v1/{name}", edge.guard(PROTOCOL, batch), methods=["POST"]) for name in ("batch", "import")),
        Route("/v1/projects/{key}/settings", edge.guard(PROTOCOL, settings), methods=["GET"]),
    ]


async def _take(edge: Edge, request: Request, body: Mapping[str, Any], items: list[Any]) -> Response:
    project = edge.project(_key(request, body))
    received_at = edge.intake.clock()
    sent_at = instant(body["sentAt"], "sentAt") if body.get("sentAt") else None
    batch = sort_out(edge, project, items, mapping(body.get("context")), received_at, sent_at)
    await edge.intake.take(project, batch, received_at)
    rejected = batch.rejected
    return answer_json({"success": not rejected, "accepted": len(batch.events), "rejected": rejected})


def sort_out(
    edge: Edge,
    project: Project,
    items: list[Any],
    shared: Mapping[str, Any],
    received_at: datetime,
    sent_at: datetime | None,
) -> Batch:
    """Good items as events, bad ones with their problem."""
    batch = Batch(PROTOCOL)
    for index, item in enumerate(items):
        try:
            if not isinstance(item, dict):
                raise RefusedError(Reason.INVALID_FIELD, f"batch[{index}]", f"must be an object, is {kind_name(item)}")
            event = to_event(item, shared, project.id, received_at, sent_at)
            if len(event["properties"]) + len(event["traits"]) > edge.settings.max_item_bytes:
                raise RefusedError(Reason.OVERSIZE, f"batch[{index}]", f"exceeds {edge.settings.max_item_bytes} bytes")
        except RefusedError as error:
            batch.refuse(index, error, orjson.dumps(item))
        else:
            batch.events.append(("track", event))
    return batch


def _key(request: Request, body: Mapping[str, Any]) -> str:
    """Basic with the key as user name, the body's writeKey, or Bearer."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(credentials).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            raise RefusedError(Reason.UNAUTHORISED, "Authorization", "is no Basic credentials") from None
    return text(body, "writeKey") or credentials.strip()
