"""How many bytes of bodies may be in memory at once: one body's limit alone doesn't bound many."""

from __future__ import annotations

from starlette.types import Scope

from tidegate_gateway.errors import RefusedError
from tidegate_schemas.reasons import Reason

_HELD = "tidegate.body_bytes"


class Room:
    """Counts inflated bodies from their first byte to the answer. For one thread (the gateway's event loop)."""

    def __init__(self, max_bytes: int) -> None:
        self._left = self._max_bytes = max_bytes

    def take(self, scope: Scope, body_bytes: int) -> None:
        """A request's body has so many bytes by now. Raises RefusedError (queue_full)."""
        more = body_bytes - scope.get(_HELD, 0)
        if more > self._left:
            message = f"finds no room: bodies of {self._max_bytes} bytes are being worked on; send it again"
            raise RefusedError(Reason.QUEUE_FULL, "body", message)
        scope[_HELD] = body_bytes
        self._left -= more

    def leave(self, scope: Scope) -> None:
        """A request is answered."""
        self._left += scope.pop(_HELD, 0)
