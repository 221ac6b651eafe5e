"""What an aggregate is to the rest of the stream, and the two pure steps that keep its state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import polars as pl


class Fold(Protocol):
    """An aggregate over one source topic. Pure: no clock, no I/O.

    The state of a fold on a partition is a frame of rows and a watermark (both belong in a delta). Rows are
    absolute values and a function of the partition's records alone, in offset order: not of chunk cuts,
    flushes or evictions.
    """

    @property
    def name(self) -> str:
        """Name of the aggregate; its agent is `<name>.<kind>`."""

    @property
    def kind(self) -> str:
        """Kind of the clean topic that it reads."""

    @property
    def table(self) -> str:
        """Table of the database `tidegate` that it fills."""

    @property
    def keys(self) -> list[str]:
        """Columns that identify a state row. Never null."""

    @property
    def group(self) -> list[str]:
        """The part of the keys by which rows depend on each other.

        New rows are merged with *all* state rows of their groups, and `cap`, `expired` and `output` are given
        whole groups only.
        """

    @property
    def schema(self) -> Mapping[str, pl.DataType]:
        """Columns of a state row, keys included; Arrow IPC can carry all of them."""

    def partial(self, events: pl.DataFrame, watermark: int) -> tuple[pl.DataFrame, int]:
        """State rows of these events alone, and the watermark after them. Of a key there may be several, to be merged.

        `events` has the columns of the clean schema and `_offset` (Int64, the record's clean offset), in offset
        order; `watermark` is the one before them, in µs since the epoch (`NO_WATERMARK` at the start).
        """

    def merge(self, frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
        """One row a key. Frames of adjoining offset ranges may be merged in any grouping, listed in any order."""

    def cap(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Whole groups with the keys above the cardinality cap folded into `(other)`.

        Only for rows that hold everything from the partition's start: apply it after merging with the state,
        never to waiting rows alone.
        """

    def expired(self, rows: pl.DataFrame, watermark: int) -> pl.Series:
        """Boolean, aligned with `rows`: which rows no later record can change."""

    def output(self, rows: pl.DataFrame, final: pl.Series) -> pl.DataFrame:
        """Columns of `table` but source_topic, source_partition and version.

        `final` is aligned with `rows` (the answer of `expired`). Needs whole groups; the number of rows may
        differ from that of `rows`: a session that was absorbed comes back as a row with `is_deleted` = 1.
        """


def empty_state(fold: Fold) -> pl.DataFrame:
    """The state before the first record."""
    return pl.DataFrame(schema=dict(fold.schema))


def advance(fold: Fold, state: pl.DataFrame, waiting: Sequence[pl.DataFrame]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Take waiting partial rows into the state.

    Returns the new state and the part of it that changed: whole groups, ready for a delta and for `output`.
    Applying a delta is `replace_groups`.
    """
    groups = pl.concat([rows.select(fold.group) for rows in waiting]).unique()
    old = state.join(groups, on=fold.group, how="semi")
    changed = fold.cap(fold.merge([old, *waiting])).select(list(fold.schema))
    return replace_groups(fold, state, changed), changed


def replace_groups(fold: Fold, state: pl.DataFrame, changed: pl.DataFrame) -> pl.DataFrame:
    """The state with all rows of the changed groups replaced."""
    kept = state.join(changed.select(fold.group).unique(), on=fold.group, how="anti")
    return pl.concat([kept, changed.select(kept.columns)])


def evict(fold: Fold, state: pl.DataFrame, watermark: int) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    """Forget what no later record can change.

    Returns the state that stays, and the last rows to be written, None if there are none: `output` of the groups that
    hold an expired row, with `final` set. A write that fails must be repeated, so keep the old state until it has
    succeeded.
    """
    mask = fold.expired(state, watermark)
    if not mask.any():
        return state, None
    groups = state.filter(mask).select(fold.group).unique()
    closing = state.join(groups, on=fold.group, how="semi")
    return state.filter(~mask), fold.output(closing, fold.expired(closing, watermark))
