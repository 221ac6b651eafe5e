"""A chunk: every record of one partition that one fetch returned, in offset order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeVar, cast

T = TypeVar("T")


class Record(Protocol):
    """What is read of a fetched record."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


@dataclass(frozen=True)
class Chunk:
    """Consecutive records of one partition.

    `start` (inclusive) and `end` (exclusive) are *positions*: the chunk covers `[start, end)`. Offsets in that range
    without a record are holes (compaction, transaction markers, aborted transactions), not losses. `last_offset` is
    that of a real record. `records` is never empty.
    """

    topic: str
    partition: int
    start: int
    epoch: int  # which seek of the consumer thread this fetch followed
    records: Sequence[Record]
    behind: int = 0
    """Offsets of the partition that the broker had past `end` when the chunk was fetched."""
    age_seconds: float = 0.0
    """By its timestamp, of the last record when the chunk was fetched."""
    _derived: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    _deriving: threading.Lock = field(default_factory=threading.Lock, compare=False, repr=False)

    def __len__(self) -> int:
        return len(self.records)

    @property
    def last_offset(self) -> int:
        """Offset of the last record."""
        return self.records[-1].offset

    @property
    def end(self) -> int:
        """One past the last record."""
        return self.last_offset + 1

    @cached_property
    def offsets(self) -> list[int]:
        """Offsets of the records, ascending."""
        return [record.offset for record in self.records]

    @cached_property
    def values(self) -> list[bytes]:
        """Values; a record without one (a tombstone) gives empty bytes."""
        return [record.value or b"" for record in self.records]

    @cached_property
    def bytes(self) -> int:
        """Size of all values."""
        return sum(map(len, self.values))

    @cached_property
    def timestamps(self) -> list[int]:
        """Record timestamps in milliseconds since the epoch."""
        return [record.timestamp for record in self.records]

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What `make` returned the first time: agents of one topic share a chunk, and so its decoding.

        Agents decode in threads; the first one works, the others wait for it.
        """
        with self._deriving:
            if name not in self._derived:
                self._derived[name] = make()
            return cast("T", self._derived[name])


@dataclass(slots=True)
class ChunkRecord:
    """What Faust's driver reads of a record, with a whole chunk as the value."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    timestamp_type: int
    value: Chunk
    key: None = None
    headers: tuple[()] = ()
    checksum: None = None
    serialized_key_size: int = 0
    serialized_value_size: int = 0

    @classmethod
    def of(cls, chunk: Chunk) -> ChunkRecord:
        """The record that carries `chunk`, at its first offset."""
        first = chunk.records[0]
        kind = getattr(first, "timestamp_type", 0)
        return cls(chunk.topic, chunk.partition, first.offset, first.timestamp, kind, chunk)
