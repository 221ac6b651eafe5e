"""What a client is started with, and what a call may say besides its event."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Required, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tidegate.plan import OnViolation, Plan
    from tidegate.publish import Publisher
    from tidegate.sampling import Sampling

Clock = Callable[[], datetime]
ConsentState = Literal["granted", "anonymous", "denied", "unknown"]


class Context(TypedDict, total=False):
    """Where an event comes from; what is left out is taken from the client or stays empty."""

    anonymous_id: str | None
    session_id: str | None
    ip: str | None
    user_agent: str | None
    url: str | None
    referrer: str | None
    trace_id: str | None
    occurred_at: datetime
    sample_rate: float
    consent: str


class Who(Context, total=False):
    """A context, and whose event it is."""

    user_id: str | None


class Tracked(Who, total=False):
    """One event of `track_many`."""

    event: Required[str]
    properties: Mapping[str, Any] | None


class ProducerSettings(TypedDict, total=False):
    """What any producer is started with: see `Client`."""

    brokers: str
    project: str
    environment: str
    release: str
    service: str
    consent: str
    device: bool
    sampling: Sampling | None
    generation: int
    spool: Path | None
    durable: bool
    edge_key: str | Path | None
    queue_events: int
    queue_bytes: int
    flush_on_sigterm: bool
    publisher: Publisher | None
    clock: Clock


class Settings(ProducerSettings, total=False):
    """What a client is started with: see `Client`."""

    plan: Plan | None
    on_violation: OnViolation
    metrics_interval_seconds: float
    timer: Callable[[], float]


def utc_now() -> datetime:
    """The time now."""
    return datetime.now(UTC)
