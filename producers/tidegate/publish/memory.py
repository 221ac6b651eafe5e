"""The publisher of tests: it keeps what it is given."""

from __future__ import annotations

import threading

from tidegate.errors import QueueFullError
from tidegate.publish.encoding import Encoding
from tidegate.publish.interfaces import OnDelivery
from tidegate.publish.sealed import Seal


class MemoryPublisher(Encoding):
    """A Publisher that keeps encoded records by topic, for tests of everything that publishes."""

    def __init__(self, *, capacity: int = 1_000_000, failing: str | None = None, seal: Seal | None = None) -> None:
        super().__init__(seal=seal)
        self.capacity, self._failing = capacity, failing
        self._lock = threading.Lock()
        self.records: dict[str, list[tuple[bytes, bytes]]] = {}

    def put(self, topic: str, key: bytes, value: bytes, on_delivery: OnDelivery | None) -> None:
        """See `Outlet.put`."""
        with self._lock:
            if sum(map(len, self.records.values())) >= self.capacity:
                raise QueueFullError(f"the producer's queue holds {self.capacity} records, as much as it may")
            if self._failing is None:
                self.records.setdefault(topic, []).append((key, value))
        if on_delivery:
            on_delivery(self._failing)

    def flush(self, timeout_seconds: float) -> int:
        """See `Publisher.flush`."""
        return 0

    def ready(self, timeout_seconds: float) -> bool:
        """See `Publisher.ready`."""
        return self._failing is None

    def close(self, timeout_seconds: float = 10.0) -> int:
        """See `Publisher.close`."""
        return 0

    def abandon(self) -> None:
        """See `Publisher.abandon`."""
        self._lock = threading.Lock()
