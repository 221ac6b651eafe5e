"""Django: `"tidegate.instrument.django.TidegateMiddleware"`, first in MIDDLEWARE; works with sync and async views."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction

import tidegate
from tidegate.instrument.serving import answered, braced, failed, request_span


class TidegateMiddleware:
    """A span for each request by its URL pattern, an error for each exception that a view doesn't catch.

    Events go to the process's client: call `tidegate.init` in the settings.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self._get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: Any) -> Any:
        """See Django's middleware."""
        if self._is_async:
            return self._awaited(request, self._get_response(request))
        with request_span(tidegate.current_client(), request.method, request.headers.get("traceparent")) as span:
            response = self._get_response(request)
            answered(span, request.method, route_of(request), response.status_code)
        return response

    async def _awaited(self, request: Any, response: Awaitable[Any]) -> Any:
        async with request_span(tidegate.current_client(), request.method, request.headers.get("traceparent")) as span:
            answer = await response
            answered(span, request.method, route_of(request), answer.status_code)
        return answer

    def process_exception(self, request: Any, exception: Exception) -> None:
        """Django calls it, and answers 500 itself."""
        failed(tidegate.current_client(), exception, request.method, route_of(request))


def route_of(request: Any) -> str:
    """`/agents/{pk}/` of the pattern `agents/<int:pk>/`; empty where no pattern took the request."""
    match = getattr(request, "resolver_match", None)
    return f"/{braced(match.route)}" if match is not None else ""
