"""State of one (agent, partition): rows, watermark and fence, and what was folded since the last delta. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from tidegate_stream.erasure import Notice, of_subject
from tidegate_stream.folds.fold import Fold, advance, empty_state, evict, replace_groups
from tidegate_stream.state.delta import Delta
from tidegate_stream.windows.watermark import NO_WATERMARK

#: How far the watermark moves until rows are looked at again for what no later record can change: all rows, which takes
#: longer than what a flush does with those that changed.
CLOSING_MICROS = 10_000_000

#: Columns of a state that hold pseudonyms.
HOLDERS = ("visitor", "user", "session_or_user")

#: Columns that point at a single event, with what they are where there is none. Whose event that was a state doesn't
#: tell, so an erasure empties all of its project: the next slowest is not known either.
EXEMPLARS = {"exemplar_seconds": 0.0, "exemplar_trace_id": ""}

#: Column of a delta: whether a sink may not have seen the row before.
CHANGED = "_changed"


@dataclass
class PartitionState:
    """Rows up to `fence`; partial rows of later records wait in `waiting`.

    `durable` is the fence of the last delta that changelog and sink have. Rows are absolute values and a pure function
    of the log up to the fence, so an old row or delta is never wrong, at most old.
    """

    fold: Fold
    partition: int
    rows: pl.DataFrame
    watermark: int = NO_WATERMARK
    fence: int = -1
    durable: int = -1
    waiting: list[pl.DataFrame] = field(default_factory=list)
    waiting_records: int = 0
    deltas_since_snapshot: int = 0
    looked: int = NO_WATERMARK
    """The watermark when rows were last looked at for what is over."""
    erased: bool = False
    """Whether rows went since the last delta, which only a snapshot can say."""

    @classmethod
    def recover(cls, fold: Fold, partition: int, deltas: Sequence[Delta]) -> PartitionState:
        """The state after a connected chain of deltas; empty after none."""
        state = cls(fold, partition, empty_state(fold))
        for delta in deltas:
            rows = _with_newer_columns(fold, delta.rows.drop(CHANGED))
            state.rows = rows if delta.snapshot else replace_groups(fold, state.rows, rows)
            state.fence = state.durable = delta.fence
            state.watermark = delta.watermark
        state.deltas_since_snapshot = sum(not delta.snapshot for delta in deltas)
        return state

    def add(self, events: pl.DataFrame, last_offset: int, notices: Sequence[Notice] = ()) -> int:
        """Fold the events above the fence; returns how many there were.

        `events` has `_offset`, in offset order; `last_offset` is that of the chunk's last record, an event or a notice.
        """
        number = 0
        for notice in notices:
            if notice.offset > self.fence:
                number += self._fold_in(events.filter(pl.col("_offset") < notice.offset))
                self._erase(notice)
        if last_offset <= self.fence:
            return number
        number += self._fold_in(events)
        self.fence = last_offset
        return number

    def _fold_in(self, events: pl.DataFrame) -> int:
        new = events.filter(pl.col("_offset") > self.fence)
        if new.is_empty():  # nothing but notices
            return 0
        partial, self.watermark = self.fold.partial(new, self.watermark)
        self.waiting.append(partial)
        self.waiting_records += new.height
        return new.height

    def _erase(self, notice: Notice) -> None:
        """Let go of what an erasure means, as if its person had never been; time has passed all the same."""
        self.fence = notice.offset
        if EXEMPLARS.keys() <= self.fold.schema.keys():
            self.rows = _without_exemplars(self.rows, notice)
            self.waiting = [_without_exemplars(rows, notice) for rows in self.waiting]
            self.erased = True
        holders = [name for name in HOLDERS if name in self.fold.schema]
        if holders:
            self.rows = self.rows.filter(~of_subject(self.rows, notice.erasure, holders))
            self.waiting = [rows.filter(~of_subject(rows, notice.erasure, holders)) for rows in self.waiting]
            self.erased = True

    def take_delta(self, snapshot_every: int) -> Delta | None:
        """Move what waits into the rows and return it as a delta; None if nothing came since the last one."""
        if self.waiting:
            self.rows, changed = advance(self.fold, self.rows, self.waiting)
        elif self.fence > self.durable:  # nothing but notices came
            changed = self.rows.clear()
        else:
            return None
        self.waiting, self.waiting_records = [], 0
        snapshot = self.erased or self.deltas_since_snapshot >= snapshot_every
        # Rows that lost their exemplar go to the sink again, or it would keep what the state let go.
        emptied = self.erased and EXEMPLARS.keys() <= self.fold.schema.keys()
        self.erased = False
        self.deltas_since_snapshot = 0 if snapshot else self.deltas_since_snapshot + 1
        rows = changed.with_columns(pl.lit(True).alias(CHANGED))
        if snapshot:
            groups = changed.select(self.fold.group).unique()
            untouched = self.rows.join(groups, on=self.fold.group, how="anti")
            rows = pl.concat([rows, untouched.with_columns(pl.lit(emptied).alias(CHANGED))])
        return Delta(self.partition, self.durable, self.fence, snapshot, self.watermark, rows)

    def output(self, delta: Delta) -> pl.DataFrame:
        """The sink's rows of a delta just taken."""
        changed = delta.rows.filter(CHANGED).drop(CHANGED)
        return self.fold.output(changed, self.fold.expired(changed, self.watermark))

    def recovered_output(self, deltas: Sequence[Delta]) -> pl.DataFrame:
        """All rows that the insert which a crash cut short may have held, as they are now."""
        changed = [delta.rows.filter(CHANGED).select(self.fold.group) for delta in deltas]
        groups = pl.concat([self.rows.select(self.fold.group).clear(), *changed]).unique()
        rows = self.rows.join(groups, on=self.fold.group, how="semi")
        return self.fold.output(rows, self.fold.expired(rows, self.watermark))

    def closing(self) -> tuple[pl.DataFrame, pl.DataFrame | None]:
        """The rows that stay, and the sink's last rows of those that no later record can change, if there are any.

        Let go of the latter only when they are in the sink: assign the former to `rows` then.
        """
        if self.watermark - self.looked < CLOSING_MICROS:
            return self.rows, None
        self.looked = self.watermark
        return evict(self.fold, self.rows, self.watermark)


def _without_exemplars(rows: pl.DataFrame, notice: Notice) -> pl.DataFrame:
    ours = pl.col("project") == notice.erasure.project
    empty = [pl.when(ours).then(pl.lit(none)).otherwise(pl.col(name)).alias(name) for name, none in EXEMPLARS.items()]
    return rows.with_columns(empty)


def _with_newer_columns(fold: Fold, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of a release whose fold had fewer columns: what it didn't count is null, and null adds nothing."""
    newer = [name for name in fold.schema if name not in rows.columns]
    return rows.with_columns(pl.lit(None, fold.schema[name]).alias(name) for name in newer).select(list(fold.schema))
