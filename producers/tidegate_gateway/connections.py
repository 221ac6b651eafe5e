"""Who may stay connected, and how slow it may be: few senders can't hold all of the gateway's places."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from tidegate_gateway.metrics import CLOSED, CONNECTIONS


class Phase(Enum):
    """What a connection is doing."""

    HEAD = auto()
    """Its request's line and headers are on their way."""
    BODY = auto()
    ANSWER = auto()
    IDLE = auto()
    """Nothing, since its last answer."""


class Closed(Enum):
    """Why a connection was ended: status and message of the answer, if there can still be one."""

    SLOW_HEAD = "slow_head", 408, "the request's headers take too long"
    SLOW_BODY = "slow_body", 408, "the request's body comes too slowly; send smaller batches"
    SLOW_ANSWER = "slow_answer", 0, ""
    IDLE = "idle", 0, ""
    LARGE_HEAD = "large_head", 431, "the request's headers are too large"
    FULL = "full", 503, "the gateway has no room for more connections; come again in 5 s"
    ADDRESS_FULL = "address_full", 503, "this address has as many connections as it may; come again in 5 s"
    MADE_ROOM = "made_room", 0, ""

    def __init__(self, reason: str, status: int, message: str) -> None:
        self.reason, self.status, self.message = reason, status, message


@dataclass(frozen=True)
class ConnectionLimits:
    """Bounds of a gateway process. A body must keep up with `body_bytes_per_second` after its first `patience`."""

    connections: int = 1_000
    connections_per_address: int = 500
    head_bytes: int = 64 << 10
    head_seconds: float = 10.0
    body_patience_seconds: float = 10.0
    body_bytes_per_second: float = 2_048.0
    body_seconds: float = 120.0
    answer_seconds: float = 60.0
    """From the end of a request to that of its answer, a reader that takes its time included."""
    idle_seconds: float = 30.0


class Connection(Protocol):
    """What the limits look at."""

    address: str
    phase: Phase
    since: float
    """When the phase began."""
    body_bytes: int

    def end(self, why: Closed) -> None:
        """Answer if that is possible, and close."""


class Connections:
    """All connections of a process. For one thread (the gateway's event loop)."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self.swept = False
        """Whether somebody will call `sweep`."""
        self._open: dict[Connection, None] = {}
        self._by_address: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, connection: Connection) -> Closed | None:
        """Take a connection in, or say why not. Where all places are taken, who idles longest makes room."""
        if self._by_address[connection.address] >= self.limits.connections_per_address:
            return Closed.ADDRESS_FULL
        if len(self._open) >= self.limits.connections:
            idle = [each for each in self._open if each.phase in {Phase.HEAD, Phase.IDLE}]
            if not idle:
                return Closed.FULL
            self.end(min(idle, key=lambda each: each.since), Closed.MADE_ROOM)
        self._open[connection] = None
        self._by_address[connection.address] += 1
        CONNECTIONS.set(len(self._open))
        return None

    def leave(self, connection: Connection) -> None:
        """A connection is gone; nothing happens if it is not known."""
        if connection in self._open:
            del self._open[connection]
            self._by_address[connection.address] -= 1
            if not self._by_address[connection.address]:
                del self._by_address[connection.address]
            CONNECTIONS.set(len(self._open))

    def end(self, connection: Connection, why: Closed) -> None:
        """Close a connection, and count it."""
        self.leave(connection)
        CLOSED.labels(why.reason).inc()
        connection.end(why)

    def sweep(self, now: float) -> None:
        """End those that take too long."""
        late = [(each, why) for each in self._open if (why := self._why_end(each, now - each.since))]
        for each, why in late:
            self.end(each, why)

    def _why_end(self, connection: Connection, seconds: float) -> Closed | None:
        limits = self.limits
        match connection.phase:
            case Phase.HEAD:
                return Closed.SLOW_HEAD if seconds > limits.head_seconds else None
            case Phase.BODY:
                allowed = limits.body_patience_seconds + connection.body_bytes / limits.body_bytes_per_second
                return Closed.SLOW_BODY if seconds > min(allowed, limits.body_seconds) else None
            case Phase.ANSWER:
                return Closed.SLOW_ANSWER if seconds > limits.answer_seconds else None
            case Phase.IDLE:
                # The server's own clock stops when any byte comes; this one does not.
                return Closed.IDLE if seconds > limits.idle_seconds + 1 else None
