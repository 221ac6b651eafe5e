"""Dead letters as ClickHouse holds them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from clickhouse_connect.driver.client import Client

from tidegate_schemas.topics import Kind, kind_of

__all__ = ["Letter", "Wanted", "find"]

_FAR = 4_102_444_800_000_000
"""2100, in µs: no letter is later."""


@dataclass(frozen=True)
class Letter:
    """One dead letter. `sealed` is its payload, empty once it is resolved or a week old."""

    dead_letter_id: str
    project: str
    producer_id: str
    sequence: int
    source: str
    source_partition: int
    """Partition of the topic of dead letters."""
    generation: int
    raw_partition: int
    raw_offset: int
    reason: str
    detail: str
    fingerprint: str
    size_bytes: int
    occurred_at: datetime
    excerpt: str
    resolution: str
    sealed: bytes = field(repr=False)

    @property
    def kind(self) -> Kind | None:
        """The kind of the raw record; None for what the gateway refused."""
        if not self.source.startswith("raw."):
            return None
        return kind_of(self.source)

    @property
    def protocol(self) -> str:
        """The gateway's protocol that refused it; empty for a raw record."""
        return self.source.removeprefix("gateway:") if self.source.startswith("gateway:") else ""


@dataclass(frozen=True)
class Wanted:
    """Which letters: those of all that is said. Times in µs since the epoch, `end` exclusive."""

    ids: Sequence[str] = ()
    reason: str = ""
    project: str = ""
    begin: int = 0
    end: int = _FAR
    resolved: bool = False
    """Those that somebody has dealt with, too."""
    limit: int = 1_000


def find(client: Client, wanted: Wanted) -> list[Letter]:
    """The letters, the newest first. Raises ClickHouseError."""
    text = files("tidegate_infra.dead_letters").joinpath("queries", "letters.sql").read_text(encoding="utf-8")
    parameters = {
        "ids": list(wanted.ids),
        "reason": wanted.reason,
        "project": wanted.project,
        "begin": wanted.begin,
        "end": wanted.end,
        "resolved": wanted.resolved,
        "limit": wanted.limit,
    }
    return [_letter(dict(row)) for row in client.query(text, parameters=parameters).named_results()]


def _letter(row: dict[str, Any]) -> Letter:
    sealed, at = base64.b64decode(row.pop("sealed")), row.pop("occurred_at")
    return Letter(**row, occurred_at=at.replace(tzinfo=UTC) if at.tzinfo is None else at, sealed=sealed)
