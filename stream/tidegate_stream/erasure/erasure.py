"""One erasure, and how it is written: in the topic of erasures, and as a notice in raw and clean topics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tidegate_schemas.registry import SchemaRegistry
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import erasure_schema

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Erasure:
    """Whose events are erased, up to when (µs since the epoch), and where that stands in the clean topics.

    `positions` are offsets by topic and partition: events below them are erased. Empty until the erasure has passed all
    gates.
    """

    receipt_id: str
    project: str
    marks: frozenset[str]
    requested_at: int
    source: str = "command"
    positions: Mapping[tuple[str, int], int] = field(default_factory=dict)


@dataclass(frozen=True)
class Notice:
    """An erasure as it stands in a partition."""

    offset: int
    erasure: Erasure


def codec(registry: SchemaRegistry | None = None) -> RowCodec:
    """Reads and writes records of erasures."""
    return RowCodec(erasure_schema(), registry)


def text_of(erasure: Erasure, codec: RowCodec) -> bytes:
    """An erasure as a record's value."""
    return codec.encode(
        {
            "receipt_id": erasure.receipt_id,
            "project": erasure.project,
            "marks": sorted(erasure.marks),
            "requested_at": erasure.requested_at,
            "source": erasure.source,
            "positions": [f"{topic}/{partition}/{at}" for (topic, partition), at in sorted(erasure.positions.items())],
        }
    )


def request_key(erasure: Erasure) -> bytes:
    """Key of a request that a withdrawal makes: not that of the record which says what became of it."""
    return f"asked/{erasure.receipt_id}".encode()


def erasure_of(value: bytes, codec: RowCodec) -> Erasure:
    """The erasure in a record's value. Raises DecodeError."""
    record: dict[str, Any] = codec.decode(value)
    places = [position.rsplit("/", 2) for position in record["positions"]]
    return Erasure(
        receipt_id=record["receipt_id"],
        project=record["project"],
        marks=frozenset(record["marks"]),
        requested_at=(record["requested_at"] - _EPOCH) // timedelta(microseconds=1),
        source=record["source"],
        positions={(topic, int(partition)): int(at) for topic, partition, at in places},
    )
