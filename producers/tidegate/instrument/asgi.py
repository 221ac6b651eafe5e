"""ASGI middleware: `app = TidegateMiddleware(app, client)`, for any ASGI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from tidegate.client import Client
from tidegate.instrument.serving import answered, failed, request_span

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def no_route(_scope: Scope) -> str:
    """For applications that have no routes, or keep them for themselves."""
    return ""


class TidegateMiddleware:
    """A span for each request, an error for each exception that leaves the application.

    `route` finds a request's route template in its scope, once the application has answered.
    """

    def __init__(self, app: Application, client: Client, route: Callable[[Scope], str] = no_route) -> None:
        self._app, self._client, self._route = app, client, route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method, status = str(scope["method"]), 0

        async def noticing(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
            await send(message)

        async with request_span(self._client, method, _header(scope, b"traceparent")) as span:
            try:
                await self._app(scope, receive, noticing)
            except Exception as error:
                failed(self._client, error, method, self._route(scope))
                status = 500
                raise
            finally:
                answered(span, method, self._route(scope), status)


def _header(scope: Scope, name: bytes) -> str | None:
    for key, value in scope.get("headers") or ():
        if key.lower() == name:
            return bytes(value).decode("latin-1")
    return None
