"""What every protocol's routes share: bodies, keys, answers to errors, counts."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message

from tidegate_gateway.errors import RefusedError
from tidegate_gateway.inflate import read_body
from tidegate_gateway.intake import Intake
from tidegate_gateway.limits import Limiter
from tidegate_gateway.metrics import REFUSED, REQUESTS, SECONDS
from tidegate_gateway.room import Room
from tidegate_gateway.settings import GatewaySettings, Project
from tidegate_gateway.turns import Turns
from tidegate_schemas.reasons import Reason

_GONE = 499
"""What is counted for a client that left before it was answered."""

log = logging.getLogger(__name__)

Endpoint = Callable[[Request], Awaitable[Response]]
ErrorAnswer = Callable[[Request, RefusedError], Response]


def answer_json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(orjson.dumps(content), status, headers, media_type="application/json")


def plain_error(_: Request, error: RefusedError) -> Response:
    """The answer to a refusal where no protocol has its own form."""
    return answer_json({"error": error.problem.as_json()}, error.status, retry_headers(error))


def retry_headers(error: RefusedError) -> dict[str, str]:
    """When to come again, if that helps."""
    seconds = error.retry_after_seconds
    return {"Retry-After": str(seconds)} if seconds is not None else {}


async def _pieces(first: Message, request: Request) -> AsyncIterator[bytes]:
    """A body, of which one message was taken. Raises ClientDisconnect."""
    message = first
    while message["type"] == "http.request":
        yield message.get("body", b"")
        if not message.get("more_body", False):
            return
        message = await request.receive()
    raise ClientDisconnect


@dataclass(frozen=True)
class Edge:
    """The gateway's rim."""

    settings: GatewaySettings
    intake: Intake
    limiter: Limiter
    turns: Turns
    room: Room

    async def body(self, request: Request, max_inflated_bytes: int | None = None) -> bytes:
        """The inflated body, by the protocol's own limit where that is less than the gateway's. Raises RefusedError."""
        most = self.settings.max_inflated_bytes
        most = most if max_inflated_bytes is None else min(most, max_inflated_bytes)
        encoding = request.headers.get("content-encoding", "")
        first = await request.receive()
        body: bytes = first.get("body", b"")
        whole = first["type"] == "http.request" and not first.get("more_body", False)
        if whole and not encoding and len(body) <= min(self.settings.max_wire_bytes, most):
            return body  # nearly all
        return await read_body(
            _pieces(first, request),
            encoding,
            max_wire_bytes=self.settings.max_wire_bytes,
            max_inflated_bytes=most,
            grown=partial(self.room.take, request.scope),
        )

    def project(self, key: str) -> Project:
        """The project of a write key. Raises RefusedError (unauthorised)."""
        project = self.settings.project_of(key) if key else None
        if project is None:
            what = "is unknown" if key else "is missing"
            raise RefusedError(Reason.UNAUTHORISED, "writeKey", f"{what}; the dashboard's Start page shows yours")
        return project

    def admit(self, project: Project, events: int = 0) -> None:
        """Count events against the rate of the project's key. Raises RefusedError (rate_limited).

        With none it only asks: before a body is read, so that a flood costs little.
        """
        key = project.write_key
        wait = self.limiter.take(key, events) if events else self.limiter.wait_seconds(key)
        if wait:
            rate = self.settings.key_rate.events_per_second
            message = f"sends more than {rate:g} events a second; send the same again in {wait:.1f} s"
            raise RefusedError(Reason.RATE_LIMITED, "writeKey", message, retry_after_seconds=wait)

    def guard(self, protocol: str, endpoint: Endpoint, error_answer: ErrorAnswer = plain_error) -> Endpoint:
        """The endpoint, timed and counted, with refusals answered in the protocol's form."""

        seconds = SECONDS.labels(protocol)
        answers = cache(lambda status: REQUESTS.labels(protocol, str(status)))

        async def guarded(request: Request) -> Response:
            began = time.perf_counter()
            try:
                answer = await endpoint(request)
            except RefusedError as error:
                REFUSED.labels(protocol, error.problem.reason.value).inc()
                log.info("refused a %s request: %s", protocol, error.problem.reason.value)
                answer = error_answer(request, error)
            except ClientDisconnect:  # it has gone, or was too slow: nobody reads this
                answer = Response(status_code=_GONE)
            finally:
                self.room.leave(request.scope)
                seconds.observe(time.perf_counter() - began)
            answers(answer.status_code).inc()
            return answer

        return guarded
