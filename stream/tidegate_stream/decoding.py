"""Chunks of clean topics as frames, decoded once however many agents read them."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from tidegate_schemas.columns import ColumnCodec
from tidegate_schemas.registry import SchemaRegistry
from tidegate_schemas.subjects import Schema
from tidegate_stream.errors import PoisonedCleanTopicError
from tidegate_stream.transport.chunk import Chunk


def decoder(schema: Schema, registry: SchemaRegistry | None = None) -> Callable[[Chunk], pl.DataFrame]:
    """A function from a chunk to its records: the schema's columns and `_offset` (Int64), in offset order."""
    codec = ColumnCodec(schema, registry)

    def decode(chunk: Chunk) -> pl.DataFrame:
        decoded = codec.decode(chunk.values)
        if decoded.bad:
            worst = decoded.bad[0]
            offset = chunk.offsets[worst.index]
            raise PoisonedCleanTopicError(chunk.topic, chunk.partition, offset, f"{worst.reason}: {worst.detail}")
        offsets = pl.Series("_offset", chunk.offsets, pl.Int64)
        return decoded.frame.with_columns(offsets.gather(decoded.frame["_index"])).drop("_index")

    return lambda chunk: chunk.once("decoded", lambda: decode(chunk))
