"""Chunks of clean topics as frames, decoded once however many agents read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import polars as pl

from tidegate_schemas.columns import ColumnCodec
from tidegate_schemas.errors import DecodeError
from tidegate_schemas.registry import SchemaRegistry
from tidegate_schemas.subjects import Schema, clean_schema
from tidegate_schemas.topics import Kind
from tidegate_stream.erasure import Notice
from tidegate_stream.erasure.erasure import codec, erasure_of
from tidegate_stream.errors import PoisonedCleanTopicError
from tidegate_stream.gate.erasures import KnownErasures
from tidegate_stream.transport.chunk import Chunk


class Reader(Protocol):
    """What a topic's records are to those who read it."""

    def decode(self, chunk: Chunk) -> pl.DataFrame:
        """The schema's columns and `_offset` (Int64), in offset order."""

    def notices(self, chunk: Chunk) -> Sequence[Notice]:
        """Erasures that stand in the chunk, in offset order; they are none of the decoded records."""


class RecordReader:
    """Reads records of one schema, and nothing else."""

    def __init__(self, schema: Schema, registry: SchemaRegistry | None = None) -> None:
        self._codec = ColumnCodec(schema, registry)

    def decode(self, chunk: Chunk) -> pl.DataFrame:
        """See `Reader.decode`. Raises PoisonedCleanTopicError."""
        return chunk.once("decoded", lambda: self._decode(chunk))

    def notices(self, chunk: Chunk) -> Sequence[Notice]:  # noqa: ARG002 - there are none
        """See `Reader.notices`."""
        return ()

    def _decode(self, chunk: Chunk) -> pl.DataFrame:
        decoded = self._codec.decode(chunk.values)
        for record in decoded.bad:
            if not self._allows(chunk.values[record.index]):
                offset = chunk.offsets[record.index]
                raise PoisonedCleanTopicError(chunk.topic, chunk.partition, offset, f"{record.reason}: {record.detail}")
        offsets = pl.Series("_offset", chunk.offsets, pl.Int64)
        return decoded.frame.with_columns(offsets.gather(decoded.frame["_index"])).drop("_index")

    def _allows(self, value: bytes) -> bool:  # noqa: ARG002 - nothing
        return False


class EventReader(RecordReader):
    """Reads clean events of one kind; those that were erased as stubs."""

    def __init__(
        self, kind: Kind, registry: SchemaRegistry | None = None, erasures: KnownErasures | None = None
    ) -> None:
        super().__init__(clean_schema(kind), registry)
        self._kind, self._erasures = kind, erasures or KnownErasures(None)
        self._notice = codec(registry)

    def notices(self, chunk: Chunk) -> Sequence[Notice]:
        """See `Reader.notices`."""
        events = self.decode(chunk)
        if events.height == len(chunk):  # as nearly always
            return ()
        return chunk.once("notices", lambda: self._notices(chunk, set(events["_offset"])))

    def _notices(self, chunk: Chunk, events: set[int]) -> Sequence[Notice]:
        others = [index for index, offset in enumerate(chunk.offsets) if offset not in events]
        return [Notice(chunk.offsets[index], erasure_of(chunk.values[index], self._notice)) for index in others]

    def _decode(self, chunk: Chunk) -> pl.DataFrame:
        self._erasures.refresh_for(chunk.epoch)
        return self._erasures.read(super()._decode(chunk), self._kind, chunk.topic, chunk.partition)

    def _allows(self, value: bytes) -> bool:
        try:
            erasure_of(value, self._notice)
        except (DecodeError, ValueError):
            return False
        return True
