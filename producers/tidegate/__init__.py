"""Tidegate's SDK: product events from a Python application straight to Kafka.

    import tidegate

    tidegate.init(brokers="127.0.0.1:9092", service="shop")
    tidegate.track("order_placed", {"total": 12.5}, user_id="42")

Calls queue and return; they never raise into the application. `flush` waits for delivery.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Unpack

from tidegate.client import Client
from tidegate.context import context
from tidegate.errors import InvalidSettingError, NotStartedError, PublishError, QueueFullError
from tidegate.settings import Context, Settings, Tracked, Who

__all__ = [
    "Client",
    "Context",
    "InvalidSettingError",
    "NotStartedError",
    "PublishError",
    "QueueFullError",
    "Settings",
    "Tracked",
    "Who",
    "alias",
    "consent",
    "context",
    "flush",
    "identify",
    "init",
    "page",
    "reset",
    "shutdown",
    "track",
    "track_many",
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


def track_many(events: Iterable[Tracked], *, wait_seconds: float = 0.0) -> None:
    """See `Client.track_many`."""
    _client().track_many(events, wait_seconds=wait_seconds)


def page(name: str = "page", properties: Mapping[str, Any] | None = None, **who: Unpack[Who]) -> None:
    """See `Client.page`."""
    _client().page(name, properties, **who)


def identify(user_id: str, traits: Mapping[str, Any] | None = None, **context: Unpack[Context]) -> None:
    """See `Client.identify`."""
    _client().identify(user_id, traits, **context)


def alias(previous_id: str, user_id: str, **context: Unpack[Context]) -> None:
    """See `Client.alias`."""
    _client().alias(previous_id, user_id, **context)


def consent(state: str, *, version: str = "", purposes: Iterable[str] | None = None) -> None:
    """See `Client.consent`."""
    _client().consent(state, version=version, purposes=purposes)


def reset() -> None:
    """See `Client.reset`."""
    _client().reset()


def flush(timeout_seconds: float = 10.0) -> int:
    """See `Client.flush`."""
    return _client().flush(timeout_seconds)


def shutdown(timeout_seconds: float = 10.0) -> int:
    """See `Client.shutdown`, which happens at exit anyway; without a client it does nothing."""
    return _clients.pop().shutdown(timeout_seconds) if _clients else 0
