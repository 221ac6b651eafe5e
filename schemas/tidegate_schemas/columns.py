"""The columnar codec: thousands of records at once through polars-avro, with the row path as its measure.

Where polars-avro refuses a batch, those that don't end where their record does are read by row, and the others by
column again. What is refused then (bytes that aren't UTF-8) is tried in pieces, and a refused piece is read by row. One
bad record costs itself and some time, never its neighbours.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any

import polars as pl

from tidegate_schemas.binary import RecordReader, record_reader
from tidegate_schemas.container import MarkedReader, write_marked
from tidegate_schemas.dtypes import fit, physical_schema, polars_schema
from tidegate_schemas.ends import Ends, record_ends
from tidegate_schemas.errors import DecodeError, FramingError, UnknownSchemaError
from tidegate_schemas.reasons import Reason
from tidegate_schemas.registry import SchemaRegistry
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.screen import BadRecord, validate
from tidegate_schemas.subjects import Schema
from tidegate_schemas.versions import KnownVersions, Version, write_header

__all__ = ["INDEX", "BadRecord", "ColumnCodec", "Decoded", "polars_schema", "validate"]

INDEX = "_index"
_PIECE = 512
_FEW = 128
"""So many records or fewer are read by row: polars-avro takes 3 ms for a call, however few the records."""


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

    def __len__(self) -> int:
        return len(self.bodies)

    def part(self, start: int, end: int) -> "_Batch":
        """Take the records from start to end (excluded)."""
        return _Batch(self.indices[start:end], self.bodies[start:end])

    def those(self, chosen: Sequence[bool]) -> "_Batch":
        """Take the records for which a flag stands."""
        return _Batch(list(compress(self.indices, chosen)), list(compress(self.bodies, chosen)))


class ColumnCodec:
    """Decodes framed records of any known version of one schema into frames, and encodes frames into records."""

    def __init__(self, schema: Schema, registry: SchemaRegistry | None = None) -> None:
        self.schema = schema
        self._versions = KnownVersions([schema], registry)
        self._header = write_header(schema, registry)
        self._rows = RowCodec(schema, registry)
        self._by_version: dict[Version, tuple[MarkedReader, RecordReader, Ends]] = {}
        self._columns = physical_schema(schema)
        self._names = [*schema.names, INDEX]
        logical = polars_schema(schema)
        self._logical = [pl.col(name).cast(logical[name]) for name, it in self._columns.items() if logical[name] != it]
        self._by_column = all(item.nullable for item in schema.fields)

    def decode(self, values: Sequence[bytes | None]) -> Decoded:
        """Decode framed records; whatever the bytes are, none raises, and each is a row of `frame` or one of `bad`.

        A record is bad if its frame or schema is unknown (an absent one is an empty one), its bytes aren't exactly
        one record, or a field breaks its bounds.
        """
        bad: list[BadRecord] = []
        batches = self._split(values, bad)
        frame = self._joined(
            [
                self._resolve(frame)
                for header, batch in batches.items()
                for frame in self._read(self._versions.by_header[header], batch, bad)
            ]
        )
        screened = validate(frame, self.schema)
        if screened:
            index = frame[INDEX]
            bad.extend(BadRecord(index[item.index], item.reason, item.detail) for item in screened)
            frame = frame.filter(~index.is_in([index[item.index] for item in screened]))
        bad.sort(key=lambda item: item.index)
        return Decoded(frame.with_columns(self._logical), bad)

    def encode(self, frame: pl.DataFrame) -> list[bytes]:
        """Encode each row as a framed record, in order; columns named `_…` are left out.

        EncodeError if the frame's columns aren't the schema's, can't be cast, or hold a null that it doesn't allow.
        """
        fitted = fit(frame, self.schema)
        if self._by_column:
            header = self._header
            return [header + body for body in write_marked(fitted)]
        return [self._rows.encode(row) for row in fitted.iter_rows(named=True)]

    def _split(self, values: Sequence[bytes | None], bad: list[BadRecord]) -> dict[bytes, _Batch]:
        """Sort values by their header; what has no known one, or is too large, is bad."""
        batches = self._of_one_version(values)
        if batches:
            return batches
        limit = self.schema.max_bytes
        for index, value in enumerate(values):
            data = value or b""
            if len(data) > limit:
                detail = f"record of {len(data)} bytes, of {limit} at most"
                bad.append(BadRecord(index, Reason.OVERSIZE, detail))
                continue
            try:
                header = self._versions.header(data)
            except UnknownSchemaError as error:
                bad.append(BadRecord(index, Reason.UNKNOWN_SCHEMA, str(error)))
            except FramingError as error:
                bad.append(BadRecord(index, Reason.MALFORMED_ENVELOPE, str(error)))
            else:
                batch = batches.get(header)
                if batch is None:
                    batch = batches[header] = _Batch()
                batch.indices.append(index)
                batch.bodies.append(data[len(header) :])
        return batches

    def _of_one_version(self, values: Sequence[bytes | None]) -> dict[bytes, _Batch]:
        """All values as one batch, if they have one known header and none is too large, as is nearly always so."""
        whole = [value for value in values if value]
        if not whole or len(whole) < len(values) or max(map(len, whole)) > self.schema.max_bytes:
            return {}
        try:
            header = self._versions.header(whole[0])
        except DecodeError:
            return {}
        size = len(header)
        if {value[:size] for value in whole} != {header}:
            return {}
        return {header: _Batch(list(range(len(whole))), [value[size:] for value in whole])}

    def _read(self, version: Version, batch: _Batch, bad: list[BadRecord]) -> list[pl.DataFrame]:
        """Decode records of one version into frames of the writer's physical columns and `_index`."""
        marked, by_row, ends = self._readers(version)
        frame = _attempt(marked, batch)
        if frame is not None:
            return [frame]
        if len(batch) > _FEW:
            batch = _ending_right(ends, by_row, batch, bad)
            frame = _attempt(marked, batch)
            if frame is not None:
                return [frame]
        starts = range(0, len(batch), _PIECE)
        return [_read_piece(marked, by_row, batch.part(start, start + _PIECE), bad) for start in starts]

    def _readers(self, version: Version) -> tuple[MarkedReader, RecordReader, Ends]:
        readers = self._by_version.get(version)
        if readers is None:
            definition = version.writer.definition
            readers = MarkedReader(version.writer), record_reader(definition), record_ends(definition)
            self._by_version[version] = readers
        return readers

    def _resolve(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Give a frame the reader's columns: defaults where the writer had none."""
        if frame.columns == self._names:
            return frame
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


def _ending_right(ends: Ends, by_row: RecordReader, batch: _Batch, bad: list[BadRecord]) -> _Batch:
    """Leave out the bad ones among the records that don't seem to end where their body does."""
    right = ends(batch.bodies)
    for at in (~right).nonzero()[0].tolist():
        right[at] = bool(len(_sift(by_row, batch.part(at, at + 1), bad)[0]))
    return batch.those(right.tolist())


def _read_piece(marked: MarkedReader, by_row: RecordReader, batch: _Batch, bad: list[BadRecord]) -> pl.DataFrame:
    frame = _attempt(marked, batch)
    if frame is not None:
        return frame
    passed, rows = _sift(by_row, batch, bad)
    frame = _attempt(marked, passed)
    if frame is not None:
        return frame
    return _indexed(pl.DataFrame(rows, schema=marked.columns, orient="row"), passed)


def _attempt(marked: MarkedReader, batch: _Batch) -> pl.DataFrame | None:
    if len(batch.bodies) <= _FEW:
        return None
    try:
        return _indexed(marked.read(batch.bodies), batch)
    except DecodeError:
        return None


def _indexed(frame: pl.DataFrame, batch: _Batch) -> pl.DataFrame:
    return frame.with_columns(pl.Series(INDEX, batch.indices, dtype=pl.UInt32))


def _sift(read: RecordReader, batch: _Batch, bad: list[BadRecord]) -> tuple[_Batch, list[dict[str, Any]]]:
    """Read a batch row by row; gives what passed, as a batch and as rows."""
    passed, rows = _Batch(), []
    for index, body in zip(batch.indices, batch.bodies, strict=True):
        try:
            rows.append(read(body))
        except DecodeError as error:
            bad.append(BadRecord(index, Reason.MALFORMED_AVRO, str(error)))
        else:
            passed.indices.append(index)
            passed.bodies.append(body)
    return passed, rows
