"""Bounds by column: which rows of a frame break what their fields' docs promise."""

from dataclasses import dataclass
from typing import Any

import polars as pl

from tidegate_schemas.bounds import (
    BOUNDS,
    UUID_PATTERN,
    Between,
    Bound,
    JsonText,
    OneOf,
    Uuid,
    broken_bound,
    never_null,
)
from tidegate_schemas.canonical import PERHAPS_INFINITE, is_json
from tidegate_schemas.reasons import Reason
from tidegate_schemas.subjects import Schema

__all__ = ["BadRecord", "validate"]


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record that isn't an event: its position in the values, the named reason, and what was wrong (no value)."""

    index: int
    reason: Reason
    detail: str


def validate(frame: pl.DataFrame, schema: Schema) -> list[BadRecord]:
    """Find the rows of a frame that break a bound, by row number, each with the first field that does.

    Timestamps may be Datetime or Int64 (µs since epoch).
    """
    names = [item.name for item in schema.fields if item.name in BOUNDS]
    broken = [_column_mask(frame[name], BOUNDS[name]).alias(name) for name in names]
    if "bucket_counts" in schema.names and frame.height:
        broken.append(frame.select(_buckets().fill_null(value=True).alias("bucket_counts")).to_series())
    required = never_null()
    broken.extend(
        frame[item.name].is_null().alias(f"{item.name} is null")
        for item in schema.fields
        if item.name in required and frame[item.name].null_count()
    )
    if not broken:
        return []
    masks = pl.DataFrame(broken)
    rows = masks.select(pl.any_horizontal(pl.all()).arg_true()).to_series().to_list()
    found = []
    for row in rows:
        verdict = broken_bound(_record(frame, schema, row))
        if verdict is not None:
            found.append(BadRecord(row, *verdict))
    return found


def _record(frame: pl.DataFrame, schema: Schema, row: int) -> dict[str, Any]:
    # Physical values: a Datetime past the calendar makes polars panic on its way to Python.
    columns = [pl.col(item.name).to_physical() for item in schema.fields]
    return frame[row : row + 1].select(columns).row(0, named=True)


def _column_mask(column: pl.Series, bound: Bound) -> pl.Series:
    """Mark the values that break the bound; a null never does."""
    if isinstance(bound, JsonText):
        return _not_json(column, bound)
    return column.to_frame().select(_breaks(pl.col(column.name), bound).fill_null(value=False)).to_series()


def _breaks(column: pl.Expr, bound: Uuid | Between | OneOf) -> pl.Expr:
    match bound:
        case Uuid():
            return (column.str.len_bytes() != 36) | ~column.str.contains(UUID_PATTERN)
        case OneOf(values=values):
            return ~column.is_in(values)
        case Between(low=low, high=high, low_excluded=low_excluded):
            number = column.to_physical()
            above = number > low if low_excluded else number >= low
            # is_nan isn't needed: polars orders NaN above everything, so it is past `high`.
            return ~(above & (number <= high))


def _not_json(column: pl.Series, bound: JsonText) -> pl.Series:
    # Most texts repeat (above all "{}"): each is parsed once. polars looks for large numbers, as Python is slow at it.
    expected = list if bound.array else dict
    verdicts: dict[str | None, bool] = {None: False}
    broken = []
    for text, large in zip(column.to_list(), column.str.contains(PERHAPS_INFINITE).to_list(), strict=True):
        verdict = verdicts.get(text)
        if verdict is None:
            verdict = verdicts[text] = not (bound.holds(text) if large else is_json(text, expected))
        broken.append(verdict)
    return pl.Series(column.name, broken, dtype=pl.Boolean)


def _buckets() -> pl.Expr:
    """Mark rows whose buckets may be broken; broken_bound decides."""
    counts, bounds = pl.col("bucket_counts"), pl.col("bucket_bounds")
    sizes = counts.list.len().fill_null(0).cast(pl.Int64) - bounds.list.len().fill_null(0).cast(pl.Int64)
    any_items = (counts.list.len().fill_null(0) + bounds.list.len().fill_null(0)) > 0
    finite = bounds.list.eval(pl.element().is_finite().fill_null(value=False)).list.all()
    ascending = (bounds.list.len() < 2) | (bounds.list.diff().list.min() > 0)
    not_negative = counts.list.eval((pl.element() >= 0).fill_null(value=False)).list.all()
    return any_items & ~((sizes == 1) & finite & ascending & not_negative)
