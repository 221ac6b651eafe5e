"""Rows that account for what didn't pass: dead letters with their sealed payload, and counted outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from tidegate_schemas.dtypes import physical_schema, polars_schema
from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.numbers import spans
from tidegate_schemas.reasons import Reason
from tidegate_schemas.subjects import MAX_RAW_BYTES, dead_letter_schema, outcome_schema
from tidegate_schemas.topics import Kind
from tidegate_stream.gate.keys import Sealer
from tidegate_stream.gate.texts import telling_producer
from tidegate_stream.gate.validity import PRODUCER_ID, PROJECT

MINUTE_MICROS = 60_000_000
DROPPED_REASONS = tuple(
    reason.value for reason in (Reason.CONSENT_DENIED, Reason.CONSENT_WITHDRAWN, Reason.DUPLICATE, Reason.ERASED)
)
INSTANT = pl.Datetime("us", "UTC")
REFUSED = {
    "_index": pl.UInt32,
    "project": pl.String,
    "producer_id": pl.String,
    "sequence": pl.Int64,
    "received_at": pl.Int64,
    "reason": pl.String,
    "detail": pl.String,
}
"""Columns of a frame of records that didn't pass; `_index` is the place in the chunk, `sequence` 0 if unknown."""
NO_DEAD_LETTERS, NO_OUTCOMES = (
    pl.DataFrame(schema=dict(polars_schema(schema))) for schema in (dead_letter_schema(), outcome_schema())
)


class RawChunk(Protocol):
    """Records of one raw partition, in offset order."""

    @property
    def topic(self) -> str: ...  # noqa: D102
    @property
    def partition(self) -> int: ...  # noqa: D102
    @property
    def offsets(self) -> Sequence[int]: ...  # noqa: D102
    @property
    def values(self) -> Sequence[bytes | None]: ...  # noqa: D102
    @property
    def timestamps(self) -> Sequence[int]: ...  # noqa: D102


@dataclass(frozen=True)
class Records:
    """A raw chunk in memory; `timestamps` in ms since the epoch."""

    topic: str
    partition: int
    offsets: Sequence[int]
    values: Sequence[bytes | None]
    timestamps: Sequence[int]


def named_safely(rows: pl.DataFrame) -> list[pl.Expr]:
    """Project and producer where they have the shape of one and tell nothing, else empty: what broke may be in them."""
    shapes = {"project": PROJECT, "producer_id": PRODUCER_ID}
    telling = {name: [each for each in rows[name].unique().drop_nulls() if telling_producer(each)] for name in shapes}
    return [
        pl.when(pl.col(name).str.contains(pattern) & ~pl.col(name).is_in(telling[name]))
        .then(pl.col(name))
        .otherwise(pl.lit(""))
        .alias(name)
        for name, pattern in shapes.items()
    ]


def dead_letters(
    chunk: RawChunk, refused: pl.DataFrame, sealer: Sealer, excerpts: Mapping[int, str] | None = None
) -> pl.DataFrame:
    """One row for each refused record that wasn't merely dropped: the columns of the dead letter's schema.

    `excerpts` are scrubbed texts by the record's place in the chunk.
    """
    if refused.is_empty():  # as nearly always, and what follows takes a small chunk's tenth
        return NO_DEAD_LETTERS
    rows = []
    letters = refused.filter(~pl.col("reason").is_in(DROPPED_REASONS)).sort("_index")
    for row in letters.iter_rows(named=True):
        index = row["_index"]
        offset, value = chunk.offsets[index], chunk.values[index] or b""
        rows.append(
            {
                "dead_letter_id": derived_event_id(chunk.topic, str(chunk.partition), str(offset)),
                "project": row["project"],
                "producer_id": row["producer_id"],
                "source": chunk.topic,
                "source_partition": chunk.partition,
                "source_offset": offset,
                "reason": row["reason"],
                "detail": row["detail"],
                "fingerprint": value[2:10].hex() if value[:2] == b"\xc3\x01" else value[1:5].hex(),
                "size_bytes": len(value),
                "occurred_at": chunk.timestamps[index] * 1000,
                "payload": sealer.seal(value) if len(value) <= MAX_RAW_BYTES else b"",
                "sequence": row["sequence"],
                "excerpt": (excerpts or {}).get(index, ""),
                "resolution": "",
            }
        )
    physical = pl.DataFrame(rows, schema=dict(physical_schema(dead_letter_schema())))
    return physical.with_columns(pl.col("occurred_at").cast(INSTANT))


def outcomes(kind: Kind, chunk: RawChunk, refused: pl.DataFrame) -> pl.DataFrame:
    """Counts by project, producer, minute and reason: the columns of the outcome's schema.

    The id is derived from the chunk's range and the group, so that the same chunk counted again replaces.
    """
    if refused.is_empty():
        return NO_OUTCOMES
    dropped = pl.col("reason").is_in(DROPPED_REASONS)
    minute = pl.col("received_at").floordiv(MINUTE_MICROS) * MINUTE_MICROS
    groups = ["project", "producer_id", "minute", "reason"]
    numbers = pl.col("sequence").filter(pl.col("sequence") > 0).unique().sort()
    measures = [pl.len().alias("quantity"), numbers.alias("numbers")]
    counted = refused.with_columns(minute.alias("minute")).group_by(groups).agg(measures).sort(groups)
    span = (chunk.topic, str(chunk.partition), str(chunk.offsets[0]), str(chunk.offsets[-1])) if chunk.offsets else ()
    ids = [derived_event_id(*span, *map(str, row)) for row in counted.select(groups).iter_rows()]
    return counted.select(
        pl.Series("outcome_id", ids, dtype=pl.String),
        "project",
        pl.lit(kind).alias("kind"),
        "producer_id",
        pl.col("minute").cast(INSTANT),
        pl.when(dropped).then(pl.lit("dropped")).otherwise(pl.lit("dead_lettered")).alias("outcome"),
        "reason",
        pl.col("quantity").cast(pl.Int64),
        pl.lit("gate").alias("reporter"),
        pl.Series("sequences", [spans(each) for each in counted["numbers"].to_list()], dtype=pl.List(pl.Int64)),
    )
