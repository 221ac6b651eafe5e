"""Refusals: what the gateway answers instead of taking a request or an item."""

from __future__ import annotations

import math

from tidegate.foreign.errors import UnfitError
from tidegate_schemas.reasons import Reason

_STATUS = {
    Reason.UNAUTHORISED: 401,
    Reason.OVERSIZE: 413,
    Reason.RATE_LIMITED: 429,
    Reason.UNDELIVERABLE: 503,
    Reason.QUEUE_FULL: 503,
}
RETRY_AFTER_SECONDS = 5


class RefusedError(UnfitError):
    """A request or an item that can't be taken; `retry_after_seconds` says when the same request may be."""

    def __init__(self, reason: Reason, field: str, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(reason, field, message)
        self._retry_after_seconds = retry_after_seconds

    @property
    def status(self) -> int:
        """HTTP status when a whole request is refused."""
        return _STATUS.get(self.problem.reason, 400)

    @property
    def retry_after_seconds(self) -> int | None:
        """Whole seconds until the same request may be taken, at least 1; None if it never will."""
        if self._retry_after_seconds is not None:
            return max(1, math.ceil(self._retry_after_seconds))
        return RETRY_AFTER_SECONDS if self.status >= 500 else None
