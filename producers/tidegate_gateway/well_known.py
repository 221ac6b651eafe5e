"""GET /.well-known/gpc.json: this server honours Global Privacy Control, and since when it says so."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tidegate_gateway.edge import answer_json

#: Of the last change in what a signal means here.
LAST_UPDATE = "2026-11-27"


def routes() -> list[Route]:
    """The statement that the GPC specification asks for."""

    async def gpc(_: Request) -> Response:
        content = {"gpc": True, "lastUpdate": LAST_UPDATE}
        return answer_json(content, headers={"Cache-Control": "public, max-age=86400"})

    return [Route("/.well-known/gpc.json", gpc, methods=["GET"])]
