"""What the gateway is told."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from pathlib import Path


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
    max_wire_bytes: int = 4 << 20
    max_inflated_bytes: int = 16 << 20
    max_item_bytes: int = 256 << 10
    delivery_timeout_seconds: float = 10.0
    log_level: str = "info"
    counters: Path | None = None  # folder of files that still say how far the gateway numbered when it was killed

    def project_of(self, key: str) -> Project | None:
        """The project of a write key; takes the same time for any key of a length."""
        found = None
        for project in self.projects:
            if hmac.compare_digest(project.write_key.encode(), key.encode()):
                found = project
        return found
