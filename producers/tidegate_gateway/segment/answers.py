"""What Segment's clients are answered: exactly 200, or a status by which they know whether to send again.

They keep a batch on 429 and 5xx, and throw it away on any other 4xx. So a batch of which something was taken is 200.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from tidegate.foreign.errors import Problem
from tidegate_gateway.edge import answer_json, retry_headers
from tidegate_gateway.errors import RefusedError


def taken(accepted: int, rejected: list[dict[str, Any]]) -> Response:
    """What became of each call: 200, or 400 if all of them are bad."""
    answer = {"success": not rejected, "accepted": accepted, "rejected": rejected}
    if accepted or not rejected:
        return answer_json(answer)
    first = rejected[0]
    return answer_json({**answer, **_named(first["reason"], first["field"], first["message"])}, 400)


def refused(_: Request, error: RefusedError) -> Response:
    """Nothing was taken: why, and when to come again if that helps."""
    problem: Problem = error.problem
    headers = retry_headers(error)
    if error.status == 429:
        headers["X-RateLimit-Reset"] = headers["Retry-After"]
    body = {"success": False, **_named(problem.reason.value, problem.field, problem.message)}
    return answer_json(body, error.status, headers)


def _named(reason: str, field: str, message: str) -> dict[str, Any]:
    """`code` and `message` are what Segment's and RudderStack's Python clients put into their exceptions.

    RudderStack's sends again and again what is refused without them.
    """
    return {
        "code": reason,
        "message": f"{field} {message}",
        "error": {"reason": reason, "field": field, "message": message},
    }
