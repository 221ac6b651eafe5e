"""The gateway's application: every protocol's routes, health and metrics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import tidegate_gateway.browser.routes as browser
import tidegate_gateway.otlp.routes as otlp
import tidegate_gateway.segment.routes as segment
import tidegate_gateway.sentry.routes as sentry
from tidegate.foreign.errors import Problem
from tidegate.publish import Publisher
from tidegate_gateway import well_known
from tidegate_gateway.edge import Edge, answer_json
from tidegate_gateway.intake import Intake
from tidegate_gateway.limits import Limiter
from tidegate_gateway.openapi import description
from tidegate_gateway.room import Room
from tidegate_gateway.settings import GatewaySettings
from tidegate_gateway.short_way import ShortWay, targets
from tidegate_gateway.spool_health import spool_registry, spool_status
from tidegate_gateway.turns import Turns
from tidegate_schemas.reasons import Reason

READY_SECONDS = 1.0


def create_app(settings: GatewaySettings, publisher: Publisher) -> Starlette:
    """The application over one publisher; whoever made the publisher closes it."""
    turns = Turns()
    intake = Intake(
        publisher,
        settings.dead_letter_public_key,
        turns,
        timeout_seconds=settings.delivery_timeout_seconds,
        counters=settings.counters,
    )
    edge = Edge(settings, intake, Limiter(settings.key_rate), turns, Room(settings.max_bodies_bytes))

    async def healthz(_: Request) -> Response:
        if not await asyncio.to_thread(publisher.ready, READY_SECONDS):
            return answer_json({"status": "waiting", "reason": f"no broker at {settings.brokers}"}, 503)
        return answer_json(*spool_status(publisher))

    spool = spool_registry(publisher)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest() + generate_latest(spool), media_type=CONTENT_TYPE_LATEST)

    @asynccontextmanager
    async def numbering(_: Starlette) -> AsyncIterator[None]:
        intake.poll()
        yield
        await asyncio.to_thread(intake.close)

    # Browsers call from any site, without credentials: the public key can only write.
    cors = Middleware(
        CORSMiddleware,
        allow_origins=["*"],
        allow_methods=["GET", "POST"],
        allow_headers=["*"],
        expose_headers=["X-Sentry-Rate-Limits", "Retry-After", "X-RateLimit-Reset", "X-Sentry-Error"],
        max_age=3600,
    )

    async def openapi(_: Request) -> Response:
        return answer_json(description(version("tidegate")))

    aside = [Route("/healthz", healthz), Route("/metrics", metrics), Route("/openapi.json", openapi)]
    aside += well_known.routes()
    routes = [*segment.routes(edge), *sentry.routes(edge), *otlp.routes(edge), *browser.routes(edge), *aside]
    known = targets(routes, [project.number for project in settings.projects])
    app = Starlette(
        routes=routes,
        middleware=[Middleware(ShortWay, known), cors],
        lifespan=numbering,
        exception_handlers={404: _no_such_path, 405: _no_such_path},
    )
    # A redirect to a path with or without a slash would lose events: Segment's clients take any 3xx for delivered.
    app.router.redirect_slashes = False
    return app


async def _no_such_path(request: Request, error: Exception) -> Response:
    """A path that no protocol has: named, so that a misspelt host or path is seen at once."""
    paths = "/v1/{batch,track,…}, /v1/beacon, /api/{project}/envelope/, /v1/{traces,metrics,logs}"
    message = f"is none of {paths}, or not by this method"
    problem = Problem(Reason.UNKNOWN_KIND, "path", message)
    return answer_json({"error": problem.as_json()}, getattr(error, "status_code", 404))
