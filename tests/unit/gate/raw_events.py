"""Raw track records that pass the gate."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from tidegate_schemas.subjects import REQUIRED, raw_schema

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def track_record(number: int = 0) -> dict[str, Any]:
    """A valid record with every field, told from others by its number."""
    defaults = {item.name: None if item.default is REQUIRED else item.default for item in raw_schema("track").fields}
    own = {"event_id": str(UUID(int=number)), "producer_id": "p1", "project": "default", "name": "opened"}
    return {**defaults, **own, "occurred_at": NOON, "received_at": NOON}
