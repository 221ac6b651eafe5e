"""What the gateway is told."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from pathlib import Path

from tidegate_gateway.connections import ConnectionLimits
from tidegate_gateway.limits import Rate


@dataclass(frozen=True)
class Project:
    """Someone's events: the number is for Sentry's DSN, the id for everything else."""

    number: int
    id: str
    write_key: str


#: Project of our own processes' exceptions. What the gateway itself does for it is never reported again.
INTERNAL_PROJECT = 0


@dataclass(frozen=True)
class GatewaySettings:
    """Address, projects and limits. Sizes are in bytes."""

    host: str
    port: int
    brokers: str
    projects: tuple[Project, ...]
    dead_letter_public_key: bytes  # X25519: dead letters are sealed with it, and opened elsewhere
    generation: int = 1
    max_wire_bytes: int = 5 << 20  # RudderStack's clients send 4 MiB of events and what is around them
    max_inflated_bytes: int = 16 << 20
    max_bodies_bytes: int = 96 << 20  # of all requests that are being worked on, inflated
    max_event_bytes: int = 32 << 10  # of a Segment call, as Segment has it; 64 KiB at most
    connections: ConnectionLimits = field(default_factory=ConnectionLimits)
    key_rate: Rate = field(default_factory=Rate)  # of each write key
    delivery_timeout_seconds: float = 10.0
    log_level: str = "info"
    spool: Path | None = None  # folder of what waits on disk while Kafka is away; None: it is refused instead
    spool_bytes: int = 512 << 20
    spool_after_seconds: float = 3.0  # how long Kafka may take before a record goes to disk
    edge_key: str | None = field(default=None, repr=False)  # events are sealed with it for the gate; None: none is
    counters: Path | None = None  # folder of files that still say how far the gateway numbered when it was killed

    def project_of(self, key: str) -> Project | None:
        """The project of a write key; takes the same time for any key of a length."""
        found = None
        for project in self.projects:
            if hmac.compare_digest(project.write_key.encode(), key.encode()):
                found = project
        return found
