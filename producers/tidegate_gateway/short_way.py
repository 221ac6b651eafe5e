"""The short way of a request: paths of clients by a look-up, before CORS and the router, which cost as much as work.

Only what needs neither of them goes it. A page's request names its origin, and takes the long way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tidegate_gateway.edge import Endpoint

Targets = Mapping[str, tuple[Endpoint, Mapping[str, Any]]]
"""Endpoints with the values that the path holds, by path."""


def targets(routes: Iterable[Route], numbers: Iterable[int]) -> Targets:
    """What is posted to: paths without parameters, and those whose only one is the number of a project."""
    found: dict[str, tuple[Endpoint, Mapping[str, Any]]] = {}
    for route in routes:
        if "POST" not in (route.methods or ()):
            continue
        if "{" not in route.path:
            found[route.path] = route.endpoint, {}
        for number in numbers:
            path = route.path.replace("{number:int}", str(number))
            if path != route.path and "{" not in path:
                found[path] = route.endpoint, {"number": number}
    return found


class ShortWay:
    """Middleware: calls the endpoint of a known path itself, and leaves everything else to the application."""

    def __init__(self, app: ASGIApp, known: Targets) -> None:
        self._app, self._known = app, known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        found = self._known.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if found is None or scope.get("root_path") or any(name == b"origin" for name, _ in scope["headers"]):
            await self._app(scope, receive, send)
            return
        endpoint, scope["path_params"] = found
        answer = await endpoint(Request(scope, receive, send))
        await answer(scope, receive, send)
