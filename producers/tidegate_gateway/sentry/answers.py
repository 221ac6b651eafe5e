"""What Sentry's clients are answered."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from tidegate_gateway.edge import answer_json, retry_headers
from tidegate_gateway.errors import RETRY_AFTER_SECONDS, RefusedError
from tidegate_gateway.intake import Batch
from tidegate_schemas.reasons import Reason

_TOO_MANY = 429


@dataclass(frozen=True)
class RateLimit:
    """How long a client is to hold back: of which categories (none: of all), by whose limit, and why."""

    seconds: float
    categories: tuple[str, ...] = ()
    scope: str = "key"
    reason: str = ""


def rate_limits_header(limits: Iterable[RateLimit]) -> str:
    """Value of `X-Sentry-Rate-Limits`: `seconds:category;category:scope:reason, …`, whole seconds, at least one."""
    return ", ".join(
        f"{max(1, math.ceil(limit.seconds))}:{';'.join(limit.categories)}:{limit.scope}:{limit.reason}"
        for limit in limits
    )


#: What a client holds back while Kafka doesn't answer.
AWAY = RateLimit(RETRY_AFTER_SECONDS, ("error", "transaction"), "project", "kafka_away")


def receipt(event_id: str, batch: Batch) -> Response:
    """200: the envelope's or event's id, and what was not taken, by its place or its name."""
    content: dict[str, Any] = {"id": event_id.replace("-", "").lower()} if event_id else {}
    if batch.bad:
        content["rejected"] = batch.rejected
    unsupported = Counter[str]()
    for item in batch.left_out:
        unsupported[item.kind] += item.quantity
    if unsupported:
        content["unsupported"] = unsupported
    return answer_json(content)


def error_answer(_: Request, error: RefusedError) -> Response:
    """The refusal, in `X-Sentry-Error` too. Never a bare 429: a client would stop everything for a minute."""
    said = error.problem.message.encode("ascii", "replace").decode().replace("\n", " ").replace("\r", " ")
    headers = {"X-Sentry-Error": f"{error.problem.field}: {said}"[:500], **retry_headers(error)}
    if error.status == _TOO_MANY:
        headers["X-Sentry-Rate-Limits"] = rate_limits_header([RateLimit(error.retry_after_seconds or 1, reason="rate")])
    elif error.status >= 500:
        headers["X-Sentry-Rate-Limits"] = rate_limits_header([AWAY])
    status = 403 if error.problem.reason is Reason.UNAUTHORISED else error.status
    return answer_json({"detail": error.problem.message, "error": error.problem.as_json()}, status, headers)
