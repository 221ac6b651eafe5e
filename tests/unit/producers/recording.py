"""A client whose events end in memory, decoded."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tidegate import Client
from tidegate.publish import MemoryPublisher
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import outcome_schema, raw_schema
from tidegate_schemas.topics import Kind

NOON = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)


class Recording(Client):
    """A client with a publisher in memory, at noon."""

    def __init__(self, publisher: MemoryPublisher | None = None, **settings: Any) -> None:
        self.memory = publisher or MemoryPublisher()
        given = {"clock": lambda: NOON, "service": "shop", "release": "shop@1", **settings}
        super().__init__(publisher=self.memory, **given)

    @property
    def sent(self) -> list[dict[str, Any]]:
        """Product events."""
        return self.of("track")

    def of(self, kind: Kind) -> list[dict[str, Any]]:
        """Events of a kind."""
        self.flush()
        codec = RowCodec(raw_schema(kind))
        return [codec.decode(value) for _, value in self.memory.records.get(f"raw.{kind}", [])]

    @property
    def outcomes(self) -> list[dict[str, Any]]:
        """What the ledger was told."""
        codec = RowCodec(outcome_schema())
        return [codec.decode(value) for _, value in self.memory.records.get("outcomes", [])]
