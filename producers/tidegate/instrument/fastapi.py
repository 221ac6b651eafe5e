"""FastAPI and Starlette: `instrument(app, client)`."""

from __future__ import annotations

from typing import Any

from tidegate.client import Client
from tidegate.instrument.asgi import Scope, TidegateMiddleware


def instrument(app: Any, client: Client) -> None:
    """Add the middleware to an application that has not started yet; route templates are its own."""
    app.add_middleware(TidegateMiddleware, client=client, route=route_of)


def route_of(scope: Scope) -> str:
    """The template of the route that took a request: FastAPI leaves it in the scope, Starlette its endpoint."""
    route = scope.get("route")
    if route is not None:
        return str(getattr(route, "path", ""))
    endpoint, app = scope.get("endpoint"), scope.get("app")
    for candidate in getattr(app, "routes", ()):
        if endpoint is not None and getattr(candidate, "endpoint", None) is endpoint:
            return str(candidate.path)
    return ""
