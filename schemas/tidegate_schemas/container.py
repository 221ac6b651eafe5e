"""Avro object containers in memory: the only shape that polars-avro reads and writes."""

import io
import json
import secrets
from collections.abc import Sequence
from contextlib import nullcontext

import polars as pl
from polars_avro import AvroError, write_avro

# What read_avro stands on, private: read_avro itself lets polars choose the batch size, which _ENDLESS must know.
from polars_avro._avro_rs import AvroSource

from tidegate_schemas.binary import read_long
from tidegate_schemas.dtypes import physical_schema, writer_type
from tidegate_schemas.errors import DecodeError, EncodeError
from tidegate_schemas.subjects import Schema

__all__ = ["MarkedReader", "write_marked"]

_MAGIC = b"Obj\x01"
_SYNC_BYTES = 16
_SYNC = b"tidegate-in-mem."
_MARK = "_mark"
_MARK_BYTES = 16


class MarkedReader:
    """Reads bodies of one schema as columns, and proves that each body is exactly one record.

    Strung together, records would have to be trusted to be one record long each: a crafted one could be longer or
    shorter and shift its neighbours. So 16 random bytes, new at each read, stand after each record, and the schema
    gets a last field that reads them. A row that doesn't end in the mark refuses the lot; and n rows that end in n
    marks end in all of them in order, so that each row is its own record and nothing else.
    """

    def __init__(self, schema: Schema) -> None:
        fields = [{"name": item.name, "type": writer_type(item.type)} for item in schema.fields]
        mark = {"name": _MARK, "type": {"type": "fixed", "name": "Mark", "size": _MARK_BYTES}}
        definition = json.dumps({"type": "record", "name": "Marked", "fields": [*fields, mark]}).encode()
        meta = _long(1) + _sized(b"avro.schema") + _sized(definition) + _long(0)
        self._head = _MAGIC + meta + _SYNC
        self.columns = physical_schema(schema)

    def read(self, bodies: Sequence[bytes]) -> pl.DataFrame:
        """Decode bodies, at least one, into physical columns; DecodeError if any of them isn't exactly one record."""
        if not bodies:
            raise DecodeError("no records to read")
        data, mark = self._container(bodies)
        frame = _frame(data, len(bodies))
        if frame.height != len(bodies) or not frame.select((pl.col(_MARK) == pl.lit(mark)).all()).item():
            raise DecodeError("a record doesn't end where its message ends")
        return frame.select(pl.col(name).cast(dtype) for name, dtype in self.columns.items())

    def _container(self, bodies: Sequence[bytes]) -> tuple[bytes, bytes]:
        """The bodies as a file, and the mark that stands after each."""
        mark = secrets.token_bytes(_MARK_BYTES)
        block = mark.join(bodies) + mark
        return b"".join((self._head, _ENDLESS, _long(len(block)), block, _SYNC)), mark


def write_marked(frame: pl.DataFrame) -> list[bytes]:
    """Encode each row of a frame as a record body; every column becomes a nullable field.

    A first column holds random digits, at which the written block is cut into rows. Its bytes begin with 02, which no
    digit is, so that no cut can overlap another.
    """
    if frame.height == 0:
        return []
    mark = secrets.token_hex(_MARK_BYTES).encode()
    buffer = io.BytesIO()
    write_avro(frame.select(pl.lit(mark).alias(_MARK), pl.all()), buffer)
    bodies = _block_data(buffer.getvalue()).split(b"\x02" + _sized(mark))[1:]
    if len(bodies) != frame.height:
        raise EncodeError(f"{frame.height} rows were written as {len(bodies)} records")
    return bodies


def _frame(data: bytes, rows: int) -> pl.DataFrame:
    """A file's first rows; DecodeError where they can't be read."""
    source = AvroSource([lambda: nullcontext(io.BytesIO(data))], strict=False, utf8_view=False)
    # Kept by name while it may raise: its end runs Python code, which would lose the error under way.
    batches = source.batch_iter(rows, None)
    try:
        return pl.DataFrame(next(batches))
    except (AvroError, StopIteration, SystemError, ValueError, pl.exceptions.PolarsError) as error:
        raise DecodeError("polars-avro refused the records") from error
    except BaseException as error:
        # A Rust panic surfaces as an exception class of the extension's own, below BaseException.
        if type(error).__name__ != "PanicException":
            raise
        raise DecodeError("polars-avro panicked over the records") from None


def _block_data(container: bytes) -> bytes:
    position = len(_MAGIC)
    while True:
        count, position = read_long(container, position)
        if count == 0:
            break
        for _ in range(2 * count):
            size, position = read_long(container, position)
            position += size
    position += _SYNC_BYTES
    blocks = []
    while position < len(container):
        _count, position = read_long(container, position)
        size, position = read_long(container, position)
        blocks.append(container[position : position + size])
        position += size + _SYNC_BYTES
    return b"".join(blocks)


def _sized(data: bytes) -> bytes:
    return _long(len(data)) + data


def _long(value: int) -> bytes:
    raw, encoded = value << 1, bytearray()
    while raw >= 0x80:
        encoded.append(raw & 0x7F | 0x80)
        raw >>= 7
    encoded.append(raw)
    return bytes(encoded)


_ENDLESS = _long(2**62)
"""How many records our blocks claim to hold.

arrow-avro 59, under polars-avro 0.13, reads a block until its bytes are used up; once the records that it claims are
read, it goes on reading none of them for ever. Crafted records that are shorter than they seem leave such bytes. With
more claimed than there can be, each round reads records (none is empty, for the mark) or fails for want of bytes; the
batch size, which is what we know to be there, ends the reading of whole records.
"""
