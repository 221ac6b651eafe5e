"""What middleware of all frameworks shares: a span for each request served, by route and not by path."""

from __future__ import annotations

import re

from tidegate.client import Client
from tidegate.spans import Span

SERVER_ERROR = 500
_CONVERTER = re.compile(r"<(?:[^<>:]*:)?([^<>:]+)>")


def request_span(client: Client, method: str, traceparent: str | None) -> Span:
    """The span of a request whose route isn't known yet."""
    return client.span(method, "request", traceparent=traceparent)


def answered(span: Span, method: str, route: str, status_code: int) -> None:
    """Say what became of a request. Paths hold ids, so a request without a route has none."""
    span.say(
        f"{method} {route}".strip(),
        method=method,
        route=route,
        status_code=status_code,
        status="error" if status_code >= SERVER_ERROR else "ok",
    )


def failed(client: Client, error: BaseException, method: str, route: str) -> None:
    """An exception that no handler of the application caught."""
    client.error(error, handled=False, route=route, method=method)


def braced(rule: str) -> str:
    """`/agents/<int:id>` as `/agents/{id}`."""
    return _CONVERTER.sub(r"{\1}", rule)
