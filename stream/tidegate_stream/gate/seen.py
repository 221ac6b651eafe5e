"""Which events have been taken before: exact, in bounded memory, and a function of the raw log alone.

A copy of an event is found if the event itself lies less than `span` raw offsets before it. No filter with false
positives: what is told a duplicate is one. The answer depends neither on how records were cut into chunks nor on
restarts, since what was learnt is written with the chunk (`Learnt.encode`) and read back.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import polars as pl
import pyarrow as pa

SPAN_OFFSETS = 1_000_000
"""How far back copies are found, in raw offsets of the partition; 24 bytes of memory for each."""
SETTLE_IDS = 50_000
"""New ids are kept apart up to this many, then sorted in among the others."""
RECENT_FRAMES = 64
MARK_OFFSETS = 1_000
"""The horizon is known to this many offsets."""

SCHEMA = {"high": pl.UInt64, "low": pl.UInt64, "offset": pl.Int64}
ID = ["high", "low"]
_HEADER = struct.Struct("<q")


def split_ids(event_ids: pl.Series, offsets: pl.Series) -> pl.DataFrame:
    """128-bit ids as two columns `high` and `low`, with the raw `offset`. Ids are UUIDs in text."""
    digits = pl.col("id").str.replace_all("-", "", literal=True)
    frame = pl.DataFrame({"id": event_ids, "offset": offsets.cast(pl.Int64)}, schema_overrides={"id": pl.String})
    return frame.select(
        digits.str.slice(0, 16).str.to_integer(base=16, dtype=pl.UInt64).alias("high"),
        digits.str.slice(16, 16).str.to_integer(base=16, dtype=pl.UInt64).alias("low"),
        "offset",
    )


@dataclass(frozen=True)
class Learnt:
    """Ids that a chunk brought, in offset order, to be remembered once its transaction is committed.

    `since_ms` is the broker's timestamp of the chunk's first record, in ms since the epoch.
    """

    ids: pl.DataFrame
    since_ms: int

    def encode(self) -> bytes:
        """`since_ms`, then the columns one after the other, 8 bytes a value, little endian."""
        columns = [self.ids[name].rechunk().to_arrow() for name in SCHEMA]
        return _HEADER.pack(self.since_ms) + b"".join(_bytes_of(column) for column in columns)

    @classmethod
    def decode(cls, data: bytes) -> Learnt:
        """What `encode` made."""
        number = (len(data) - _HEADER.size) // (8 * len(SCHEMA))
        columns = {}
        for place, (name, dtype) in enumerate(SCHEMA.items()):
            begin = _HEADER.size + place * number * 8
            buffer = pa.py_buffer(data[begin : begin + number * 8])
            arrow = pa.uint64() if dtype == pl.UInt64 else pa.int64()
            columns[name] = pl.Series(name, pl.from_arrow(pa.Array.from_buffers(arrow, number, [None, buffer])))
        return cls(pl.DataFrame(columns), _HEADER.unpack_from(data)[0])


def _bytes_of(column: pa.Array[Any]) -> bytes:
    values = column.buffers()[1]
    begin = column.offset * 8
    return values.to_pybytes()[begin : begin + len(column) * 8] if values else b""


class Memory(Protocol):
    """What tells copies."""

    def duplicates(self, ids: pl.DataFrame) -> pl.Series:
        """Which ids of a frame made by `split_ids`, in offset order, are copies."""


class Seen:
    """Ids of one raw partition. Asking changes nothing; `learn` is for after the commit."""

    def __init__(self, span: int = SPAN_OFFSETS, settle_ids: int = SETTLE_IDS) -> None:
        self._span, self._settle_ids = span, settle_ids
        self._settled = pl.DataFrame(schema=SCHEMA)  # sorted by `low`
        self._recent: list[pl.DataFrame] = []
        self._recent_ids = 0
        self._end = 0  # one past the last offset learnt
        self._marks: deque[tuple[int, int]] = deque()  # offset, ms: nothing at or above it was earlier
        self._forgot = False

    def __len__(self) -> int:
        return self._settled.height + self._recent_ids

    @property
    def horizon_ms(self) -> int | None:
        """Copies of events that reached Kafka since then are found; None: of all events ever."""
        return self._marks[0][1] if self._forgot and self._marks else None

    @classmethod
    def restore(cls, learnt: Iterable[Learnt], *, complete: bool, span: int = SPAN_OFFSETS) -> Seen:
        """Remember what earlier owners of the partition learnt.

        `complete`: nothing was learnt before; otherwise the horizon is where the given ones begin.
        """
        seen = cls(span)
        if not complete:
            seen.forgot_some()
        for each in learnt:
            seen.learn(each)
        return seen

    def forgot_some(self) -> None:
        """More was learnt before than is told: the horizon is where that begins which is."""
        self._forgot = True

    def duplicates(self, ids: pl.DataFrame) -> pl.Series:
        """Which ids of a frame made by `split_ids`, in offset order, are copies of events less than `span` before."""
        known = self._among_known(ids)
        suspects = ids.select(pl.struct(ID).is_duplicated()).to_series()
        if not known.is_empty():
            suspects = suspects | _in(ids, known)
        if not suspects.any():
            return suspects.alias("duplicate")
        last = {(high, low): offset for high, low, offset in known.sort("offset").iter_rows()}
        verdicts = [False] * ids.height
        for row, high, low, offset in ids.with_row_index("row").filter(suspects).iter_rows():
            if offset - last.get((high, low), offset - self._span) < self._span:
                verdicts[row] = True
            else:
                last[high, low] = offset
        return pl.Series("duplicate", verdicts, dtype=pl.Boolean)

    def holds(self, ids: pl.DataFrame) -> pl.Series:
        """Which ids of a frame made by `split_ids` are remembered, whatever their offset."""
        return _in(ids, self._among_known(ids)).alias("duplicate")

    def _among_known(self, ids: pl.DataFrame) -> pl.DataFrame:
        """The remembered rows that may be of these ids."""
        recent = pl.concat([self._settled.clear(), *self._recent])
        near = [recent.filter(_in(recent, ids))]
        if not self._settled.is_empty() and not ids.is_empty():
            low = self._settled["low"]
            places = low.search_sorted(ids["low"], "left").clip(0, low.len() - 1)
            candidates = low.gather(places) == ids["low"]
            if candidates.any():
                wanted = ids.filter(candidates)
                rows = self._settled.filter(pl.col("low").is_in(wanted["low"].implode()))
                near.append(rows.filter(_in(rows, wanted)))
        return pl.concat(near)

    def learn(self, learnt: Learnt) -> None:
        """Remember the ids of a committed chunk."""
        if learnt.ids.is_empty():
            return
        first, self._end = int(learnt.ids["offset"][0]), int(learnt.ids["offset"][-1]) + 1
        if not self._marks or first - self._marks[-1][0] >= MARK_OFFSETS:
            self._marks.append((first, learnt.since_ms))
        self._recent.append(learnt.ids)
        self._recent_ids += learnt.ids.height
        if len(self._recent) > RECENT_FRAMES:
            self._recent = [pl.concat(self._recent, rechunk=True)]
        self._forget_marks()
        if self._recent_ids >= self._settle_ids:
            self._settle()

    def _forget_marks(self) -> None:
        while self._marks and self._marks[0][0] < self._end - self._span:
            self._marks.popleft()
            self._forgot = True

    def _settle(self) -> None:
        """Sort the recent ids in, and let go of those that no copy to come can be near enough to."""
        rows = pl.concat([self._settled, *self._recent])
        self._recent, self._recent_ids = [], 0
        self._settled = rows.filter(pl.col("offset") > self._end - self._span).sort("low")


def _in(rows: pl.DataFrame, others: pl.DataFrame) -> pl.Series:
    """Which rows have an id that is among the others."""
    marked = others.select(ID).unique().with_columns(pl.lit(value=True).alias("known"))
    joined = rows.select(ID).join(marked, on=ID, how="left", maintain_order="left")
    return joined["known"].fill_null(value=False)
