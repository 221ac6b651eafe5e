"""WSGI middleware: `app = TidegateMiddleware(app, client)`, for any WSGI application."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tidegate.client import Client
from tidegate.instrument.serving import answered, failed, request_span
from tidegate.spans import Span

ROUTE = "tidegate.route"
"""Key of the environ under which an application or a framework's hook may leave the route template."""
Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


class TidegateMiddleware:
    """A span for each request, to the end of its answer's body; an error for each exception that leaves it."""

    def __init__(self, app: Application, client: Client) -> None:
        self._app, self._client = app, client

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """See WSGI."""
        method, status = str(environ.get("REQUEST_METHOD", "")), [0]

        def noticing(line: str, headers: Any, *more: Any) -> Any:
            code = line.partition(" ")[0]
            status[0] = int(code) if code.isdecimal() else 0
            return start_response(line, headers, *more)

        span = request_span(self._client, method, environ.get("HTTP_TRACEPARENT"))
        span.__enter__()
        try:
            body = self._app(environ, noticing)
        except Exception as error:
            failed(self._client, error, method, environ.get(ROUTE, ""))
            answered(span, method, environ.get(ROUTE, ""), 500)
            span.leave()
            span.end(error)
            raise
        span.leave()
        return _Body(body, span, lambda: answered(span, method, environ.get(ROUTE, ""), status[0]))


class _Body:
    """The answer's body, whose end is the request's."""

    def __init__(self, body: Iterable[bytes], span: Span, answer: Callable[[], None]) -> None:
        self._body, self._span, self._answer = body, span, answer

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        """Servers call it when all is sent, or nobody listens any more."""
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            self._answer()
            self._span.end()
