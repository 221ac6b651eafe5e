"""Which events the known erasures mean. Costs nothing where there is no erasure, nor for what comes after it. Pure."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from tidegate_stream.erasure.erasure import Erasure
from tidegate_stream.erasure.marks import SUBJECTS, marks_of

_NEVER = -(1 << 62)


class Tombstones:
    """The erasures known so far. `add` may be called again with more that is known of one."""

    def __init__(self) -> None:
        self._erasures: dict[str, Erasure] = {}
        self._until: dict[str, int] = {}
        self._latest = _NEVER
        self._bounds: dict[tuple[str, int], int] = {}

    def add(self, erasure: Erasure) -> None:
        """Know one more, or its positions."""
        self._erasures[erasure.receipt_id] = erasure
        self._latest = max(self._latest, erasure.requested_at)
        for each in erasure.marks:
            self._until[each] = max(self._until.get(each, _NEVER), erasure.requested_at)
        for place, offset in erasure.positions.items():
            self._bounds[place] = max(self._bounds.get(place, 0), offset)

    def find(self, receipt_id: str) -> Erasure | None:
        """An erasure by its receipt."""
        return self._erasures.get(receipt_id)

    def all(self) -> list[Erasure]:
        """Every erasure, the earliest first."""
        return sorted(self._erasures.values(), key=lambda erasure: erasure.requested_at)

    def from_before(self, clean: pl.DataFrame) -> pl.Series | None:
        """Which clean events happened, or were received, before their person had them erased; None if none did."""
        times = pl.min_horizontal(pl.col("occurred_at", "received_at").cast(pl.Int64))
        if not self._until or not clean.select((times <= self._latest).any()).item():
            return None
        early = clean.select(times.alias("_at"), "project", *_subjects(clean.columns)).with_row_index("_row")
        early = early.filter(pl.col("_at") <= self._latest)
        until = [
            marks_of(early, name).replace_strict(self._until, default=_NEVER, return_dtype=pl.Int64)
            for name in _subjects(clean.columns)
        ]
        gone = early.filter(early["_at"] <= pl.select(pl.max_horizontal(*until)).to_series())["_row"]
        if gone.is_empty():
            return None
        return pl.Series("erased", [False] * clean.height).scatter(gone, values=True)

    def bound(self, topic: str, partition: int) -> int:
        """Offset of the last erasure that is known to stand in a partition of a clean topic; 0 if none does."""
        return self._bounds.get((topic, partition), 0)

    def erased(self, events: pl.DataFrame, topic: str, partition: int) -> pl.Series:
        """Which events of a partition (`_offset` says where) come before their person's erasure in it."""
        gone = pl.Series("erased", [False] * events.height, dtype=pl.Boolean)
        for erasure in self._erasures.values():
            bound = erasure.positions.get((topic, partition), 0)
            before = events["_offset"] < bound
            if before.any():
                gone = gone | (before & of_subject(events, erasure, SUBJECTS))
        return gone


def of_subject(rows: pl.DataFrame, erasure: Erasure, columns: Collection[str]) -> pl.Series:
    """Which rows (with `project`) hold a pseudonym that an erasure means in one of these columns."""
    found = pl.Series("erased", [False] * rows.height, dtype=pl.Boolean)
    ours = rows["project"] == erasure.project
    if not ours.any():
        return found
    for name in columns:
        if name in rows.columns:
            found = found | (ours & marks_of(rows, name).is_in(list(erasure.marks)))
    return found.fill_null(value=False)


def _subjects(columns: Collection[str]) -> list[str]:
    return [name for name in SUBJECTS if name in columns]
