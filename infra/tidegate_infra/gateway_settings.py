"""The settings of what comes in: keys, limits, the gateway's spool and what it seals."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tidegate_infra.places import Places

__all__ = ["GatewaySettings"]


class GatewaySettings(Places):
    """A part of `Settings`, which says where it is read from."""

    write_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{4,128}$")] | None = Field(
        default=None, description="Public write key of project 1; unset: made once, in keys/write-key."
    )

    rate_limit_events_per_second: float = Field(
        default=10_000.0,
        ge=0,
        description="Events a second that each write key may send in the long run, for each gateway process; more is "
        "answered with 429. 0: no limit.",
    )
    rate_limit_burst_events: int = Field(
        default=50_000, ge=1, description="Events that a write key may send at once after a quiet time."
    )
    max_event_bytes: int = Field(
        default=32_768, ge=1024, le=65_536, description="Largest single Segment or RudderStack call, as JSON."
    )
    gateway_spool_mb: int = Field(
        default=512,
        ge=0,
        description="How much of what it accepted the gateway keeps on disk while Kafka is away or slow; beyond that "
        "it answers 503. 0: nothing, and 503 at once.",
    )
    gateway_spool_after_seconds: float = Field(
        default=3.0, ge=0.5, le=8.0, description="How long Kafka may take before what was accepted goes to disk."
    )
    gateway_max_connections: int = Field(
        default=1000, ge=10, description="Connections that a gateway process holds; then idle ones make room."
    )
    gateway_max_connections_per_address: int = Field(
        default=500,
        ge=1,
        description="How many of them one address may have. Raise it where a proxy or balancer is before the gateway: "
        "that is one address.",
    )

    seal_raw: bool = Field(
        default=False,
        description="Whether the gateway seals events for the gate before they go to Kafka or to its spool "
        "([sealing.md](sealing.md)).",
    )
    edge_key: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{128}$")] | None = Field(
        default=None,
        repr=False,
        description="What it seals with, where the gate's keys are on another machine; unset: keys/edge.key.",
    )
