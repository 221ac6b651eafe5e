"""Tidegate's SDK: product events from a Python application straight to Kafka.

    import tidegate

    tidegate.init(brokers="127.0.0.1:9092", service="shop")
    tidegate.track("order_placed", {"total": 12.5}, user_id="42")

Calls queue and return; they never raise into the application. `flush` waits for delivery.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Unpack

from tidegate.client import Client, Level
from tidegate.errors import InvalidSettingError, NotStartedError, PublishError, QueueFullError
from tidegate.instruments import Counter, Gauge, Histogram, Observe
from tidegate.plan import Event, Plan, Violation
from tidegate.sampling import Sampling
from tidegate.scope import context
from tidegate.settings import Context, Settings, Tracked, Who
from tidegate.spans import Operation, Span

__all__ = [
    "Client",
    "Context",
    "Counter",
    "Event",
    "Gauge",
    "Histogram",
    "InvalidSettingError",
    "NotStartedError",
    "Plan",
    "PublishError",
    "QueueFullError",
    "Sampling",
    "Settings",
    "Span",
    "Tracked",
    "Violation",
    "Who",
    "alias",
    "consent",
    "context",
    "counter",
    "current_client",
    "error",
    "flush",
    "gauge",
    "histogram",
    "identify",
    "init",
    "page",
    "reset",
    "shutdown",
    "span",
    "track",
    "track_many",
]

_clients: list[Client] = []


def init(**settings: Unpack[Settings]) -> Client:
    """Start the process's client, with `Client`'s settings; a second call replaces the first one's."""
    shutdown()
    _clients.append(Client(**settings))
    return _clients[-1]


def current_client() -> Client:
    """The process's client. NotStartedError before `init`."""
    if not _clients:
        raise NotStartedError("call tidegate.init(brokers=…) before the first event")
    return _clients[-1]


def track(event: str | Event, properties: Mapping[str, Any] | None = None, **who: Unpack[Who]) -> None:
    """See `Client.track`."""
    current_client().track(event, properties, **who)


def track_many(events: Iterable[Tracked], *, wait_seconds: float = 0.0) -> None:
    """See `Client.track_many`."""
    current_client().track_many(events, wait_seconds=wait_seconds)


def page(name: str = "page", properties: Mapping[str, Any] | None = None, **who: Unpack[Who]) -> None:
    """See `Client.page`."""
    current_client().page(name, properties, **who)


def identify(user_id: str, traits: Mapping[str, Any] | None = None, **context: Unpack[Context]) -> None:
    """See `Client.identify`."""
    current_client().identify(user_id, traits, **context)


def alias(previous_id: str, user_id: str, **context: Unpack[Context]) -> None:
    """See `Client.alias`."""
    current_client().alias(previous_id, user_id, **context)


def consent(
    state: str,
    *,
    version: str = "",
    purposes: Iterable[str] | None = None,
    erase: bool = False,
    **who: Unpack[Who],
) -> None:
    """See `Client.consent`."""
    current_client().consent(state, version=version, purposes=purposes, erase=erase, **who)


def error(error: BaseException | str, *, level: Level = "error", **who: Unpack[Who]) -> None:
    """See `Client.error`."""
    current_client().error(error, level=level, **who)


def span(name: str, operation: Operation = "internal", **who: Unpack[Who]) -> Span:
    """See `Client.span`."""
    return current_client().span(name, operation, **who)


def counter(name: str, unit: str = "1") -> Counter:
    """See `Client.counter`."""
    return current_client().counter(name, unit)


def gauge(name: str, unit: str = "1", observe: Observe | None = None) -> Gauge:
    """See `Client.gauge`."""
    return current_client().gauge(name, unit, observe)


def histogram(name: str, unit: str = "1") -> Histogram:
    """See `Client.histogram`."""
    return current_client().histogram(name, unit)


def reset() -> None:
    """See `Client.reset`."""
    current_client().reset()


def flush(timeout_seconds: float = 10.0) -> int:
    """See `Client.flush`."""
    return current_client().flush(timeout_seconds)


def shutdown(timeout_seconds: float = 10.0) -> int:
    """See `Client.shutdown`, which happens at exit anyway; without a client it does nothing."""
    return _clients.pop().shutdown(timeout_seconds) if _clients else 0
