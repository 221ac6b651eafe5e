"""Tidegate's SDK: product events from a Python application straight to Kafka.

    import tidegate

    tidegate.init(brokers="127.0.0.1:9092", service="shop")
    tidegate.track("order_placed", {"total": 12.5}, user_id="42")

Calls queue and return; they never raise into the application. `flush` waits for delivery.
"""

from __future__ import annotations

import atexit
from collections.abc import Mapping
from typing import Any, Unpack

from tidegate.client import Client, Context, Settings, Who
from tidegate.errors import NotStartedError, PublishError, QueueFullError

__all__ = [
    "Client",
    "Context",
    "NotStartedError",
    "PublishError",
    "QueueFullError",
    "Settings",
    "Who",
    "alias",
    "flush",
    "identify",
    "init",
    "page",
    "reset",
    "shutdown",
    "track",
]

_clients: list[Client] = []


def init(**settings: Unpack[Settings]) -> Client:
    """Start the process's client, with `Client`'s settings; a second call replaces the first one's."""
    shutdown()
    client = Client(**settings)
    _clients.append(client)
    return client


def _client() -> Client:
    if not _clients:
        raise NotStartedError("call tidegate.init(brokers=…) before the first event")
    return _clients[-1]


def track(event: str, properties: Mapping[str, Any] | None = None, **who: Unpack[Who]) -> None:
    """See `Client.track`."""
    _client().track(event, properties, **who)


def page(name: str = "page", properties: Mapping[str, Any] | None = None, **who: Unpack[Who]) -> None:
    """See `Client.page`."""
    _client().page(name, properties, **who)


def identify(user_id: str, traits: Mapping[str, Any] | None = None, **context: Unpack[Context]) -> None:
    """See `Client.identify`."""
    _client().identify(user_id, traits, **context)


def alias(previous_id: str, user_id: str, **context: Unpack[Context]) -> None:
    """See `Client.alias`."""
    _client().alias(previous_id, user_id, **context)


def reset() -> None:
    """See `Client.reset`."""
    _client().reset()


def flush(timeout_seconds: float = 10.0) -> int:
    """See `Client.flush`."""
    return _client().flush(timeout_seconds)


@atexit.register
def shutdown(timeout_seconds: float = 10.0) -> int:
    """See `Client.shutdown`. Called at exit; without a client it does nothing."""
    return _clients.pop().shutdown(timeout_seconds) if _clients else 0
