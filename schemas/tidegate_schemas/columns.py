"""The columnar codec: thousands of records at once through polars-avro, with the row path as its measure.

Where polars-avro refuses a span of records, the span is halved, and small spans go to the row path: one bad record
costs itself and a little time, never its neighbours.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from tidegate_schemas.binary import RecordReader
from tidegate_schemas.container import MarkedReader, write_marked
from tidegate_schemas.dtypes import fit, physical_schema, polars_schema
from tidegate_schemas.errors import DecodeError, FramingError, UnknownSchemaError
from tidegate_schemas.reasons import Reason
from tidegate_schemas.registry import SchemaRegistry
from tidegate_schemas.rows import MAX_RECORD_BYTES, RowCodec, resolving_reader
from tidegate_schemas.screen import BadRecord, validate
from tidegate_schemas.subjects import Schema
from tidegate_schemas.versions import KnownVersions, Version, write_header

__all__ = ["INDEX", "BadRecord", "ColumnCodec", "Decoded", "polars_schema", "validate"]

INDEX = "_index"
_ROW_SPAN = 128
"""Spans up to this size are read row by row: about what polars-avro's fixed cost of a call (3 ms) is worth."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """`frame`: the schema's columns and `_index` (UInt32, position in the values), in order; `bad`: the rest."""

    frame: pl.DataFrame
    bad: list[BadRecord]


@dataclass(slots=True)
class _Batch:
    """Records of one version: positions in the values, and bodies."""

    indices: list[int] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)


class ColumnCodec:
    """Decodes framed records of any known version of one schema into frames, and encodes frames into records."""

    def __init__(self, schema: Schema, registry: SchemaRegistry | None = None) -> None:
        self.schema = schema
        self._versions = KnownVersions([schema], registry)
        self._header = write_header(schema, registry)
        self._rows = RowCodec(schema, registry)
        self._marked: dict[Version, MarkedReader] = {}
        self._by_row: dict[Version, RecordReader] = {}
        self._columns = physical_schema(schema)
        self._by_column = all(item.nullable for item in schema.fields)

    def decode(self, values: Sequence[bytes | None]) -> Decoded:
        """Decode framed records; whatever the bytes are, none raises, and each is a row of `frame` or one of `bad`.

        A record is bad if its frame or schema is unknown (an absent one is an empty one), its bytes aren't exactly
        one record, or a field breaks its bounds.
        """
        bad: list[BadRecord] = []
        frames = [
            self._resolve(version, part)
            for version, batch in self._split(values, bad).items()
            for part in self._spans(version, batch, 0, len(batch.bodies), bad)
        ]
        frame = self._joined(frames)
        screened = validate(frame, self.schema)
        if screened:
            index = frame[INDEX]
            bad.extend(BadRecord(index[item.index], item.reason, item.detail) for item in screened)
            frame = frame.filter(~index.is_in([index[item.index] for item in screened]))
        bad.sort(key=lambda item: item.index)
        dtypes = polars_schema(self.schema)
        return Decoded(frame.select(*(pl.col(name).cast(dtype) for name, dtype in dtypes.items()), INDEX), bad)

    def encode(self, frame: pl.DataFrame) -> list[bytes]:
        """Encode each row as a framed record, in order; columns named `_…` are left out.

        EncodeError if the frame's columns aren't the schema's, can't be cast, or hold a null that it doesn't allow.
        """
        fitted = fit(frame, self.schema)
        if self._by_column:
            header = self._header
            return [header + body for body in write_marked(fitted)]
        return [self._rows.encode(row) for row in fitted.iter_rows(named=True)]

    def _split(self, values: Sequence[bytes | None], bad: list[BadRecord]) -> dict[Version, _Batch]:
        batches: dict[Version, _Batch] = {}
        for index, value in enumerate(values):
            data = value or b""
            if len(data) > MAX_RECORD_BYTES:
                detail = f"record of {len(data)} bytes, of {MAX_RECORD_BYTES} at most"
                bad.append(BadRecord(index, Reason.OVERSIZE, detail))
                continue
            try:
                version, body = self._versions.find(data)
            except UnknownSchemaError as error:
                bad.append(BadRecord(index, Reason.UNKNOWN_SCHEMA, str(error)))
            except FramingError as error:
                bad.append(BadRecord(index, Reason.MALFORMED_ENVELOPE, str(error)))
            else:
                batch = batches.setdefault(version, _Batch())
                batch.indices.append(index)
                batch.bodies.append(body)
        return batches

    def _spans(self, version: Version, batch: _Batch, start: int, end: int, bad: list[BadRecord]) -> list[pl.DataFrame]:
        """Decode records start to end (excluded) into frames of the writer's physical columns and `_index`."""
        if end - start <= _ROW_SPAN:
            return [self._read_rows(version, batch, start, end, bad)]
        reader = self._marked.get(version)
        if reader is None:
            reader = self._marked[version] = MarkedReader(version.writer)
        try:
            frame = reader.read(batch.bodies[start:end])
        except DecodeError:
            middle = (start + end) // 2
            return [
                *self._spans(version, batch, start, middle, bad),
                *self._spans(version, batch, middle, end, bad),
            ]
        return [frame.with_columns(pl.Series(INDEX, batch.indices[start:end], dtype=pl.UInt32))]

    def _read_rows(self, version: Version, batch: _Batch, start: int, end: int, bad: list[BadRecord]) -> pl.DataFrame:
        read = self._by_row.get(version)
        if read is None:
            read = self._by_row[version] = resolving_reader(version)
        rows, indices = [], []
        for index, body in zip(batch.indices[start:end], batch.bodies[start:end], strict=True):
            try:
                rows.append(read(body))
                indices.append(index)
            except DecodeError as error:
                bad.append(BadRecord(index, Reason.MALFORMED_AVRO, str(error)))
        frame = pl.DataFrame(rows, schema=self._columns, orient="row")
        return frame.with_columns(pl.Series(INDEX, indices, dtype=pl.UInt32))

    def _resolve(self, version: Version, frame: pl.DataFrame) -> pl.DataFrame:
        """Give a frame the reader's columns: defaults where the writer had none."""
        del version
        return frame.select(
            *(
                pl.col(item.name)
                if item.name in frame.columns
                else pl.lit(item.default, dtype=self._columns[item.name]).alias(item.name)
                for item in self.schema.fields
            ),
            INDEX,
        )

    def _joined(self, frames: list[pl.DataFrame]) -> pl.DataFrame:
        if not frames:
            return pl.DataFrame(schema={**self._columns, INDEX: pl.UInt32()})
        if len(frames) == 1:
            return frames[0]
        return pl.concat(frames, rechunk=True).sort(INDEX)
