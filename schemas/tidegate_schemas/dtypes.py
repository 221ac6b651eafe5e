"""How Avro types look as polars columns."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import polars as pl

from tidegate_schemas.errors import EncodeError, SchemaError
from tidegate_schemas.subjects import Schema

__all__ = ["fit", "physical_schema", "polars_schema", "writer_type"]

TIMESTAMP = pl.Datetime("us", "UTC")
_PRIMITIVES: dict[str, pl.DataType] = {
    "string": pl.String(),
    "bytes": pl.Binary(),
    "long": pl.Int64(),
    "int": pl.Int32(),
    "double": pl.Float64(),
    "float": pl.Float32(),
    "boolean": pl.Boolean(),
}


@cache
def polars_schema(schema: Schema) -> Mapping[str, pl.DataType]:
    """Give the columns of a schema's decoded frames, in order; timestamps are Datetime("us", "UTC")."""
    return {item.name: _dtype(item.type, TIMESTAMP) for item in schema.fields}


@cache
def physical_schema(schema: Schema) -> Mapping[str, pl.DataType]:
    """Give the same columns with timestamps as Int64: a Datetime past the calendar makes polars panic."""
    return {item.name: _dtype(item.type, pl.Int64()) for item in schema.fields}


def writer_type(avro_type: Any) -> Any:
    """Strip an Avro type of its logical types, so that it reads as physical values."""
    match avro_type:
        case [*branches]:
            return [writer_type(branch) for branch in branches]
        case {"type": "array", "items": items}:
            return {"type": "array", "items": writer_type(items)}
        case {"type": primitive}:
            return primitive
        case _:
            return avro_type


def fit(frame: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Select a schema's columns in its order and cast them, timestamps as Int64; columns named `_…` are left out.

    EncodeError names the columns that are missing, unknown, or can't be cast without loss.
    """
    wanted, given = physical_schema(schema), frame.schema
    missing = [name for name in wanted if name not in given]
    unknown = [name for name in given if name not in wanted and not name.startswith("_")]
    if missing or unknown:
        raise EncodeError(f"frame doesn't fit {schema.subject}: missing {missing}, unknown {unknown}")
    unlike = {name: dtype for name, dtype in wanted.items() if given[name] != dtype}
    try:
        # An expression costs more than a small chunk's column, so there is one only for what changes.
        return frame.select(*wanted).with_columns(
            pl.col(name).cast(TIMESTAMP).cast(dtype) if given[name].is_temporal() else pl.col(name).cast(dtype)
            for name, dtype in unlike.items()
        )
    except pl.exceptions.PolarsError:
        misfits = [f"{name} ({given[name]} to {dtype})" for name, dtype in unlike.items()]
        raise EncodeError(f"frame doesn't fit {schema.subject}: {misfits} can't be cast") from None


def _dtype(avro_type: Any, timestamp: pl.DataType) -> pl.DataType:
    match avro_type:
        case str() if avro_type in _PRIMITIVES:
            return _PRIMITIVES[avro_type]
        case ["null", value]:
            return _dtype(value, timestamp)
        case {"type": "array", "items": items}:
            return pl.List(_dtype(items, timestamp))
        case {"type": "long", "logicalType": "timestamp-micros"}:
            return timestamp
        case _:
            raise SchemaError(f"Avro type {avro_type!r} has no place in the event contract")
