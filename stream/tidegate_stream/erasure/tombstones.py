"""Which events the known erasures mean. Costs nothing where there is no erasure, nor for what comes after it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from tidegate_stream.erasure.erasure import Erasure
from tidegate_stream.erasure.marks import SUBJECTS, marks_of

_NEVER = -(1 << 62)


@dataclass(frozen=True)
class _Known:
    """Erasures by receipt; by mark, up to when; the latest of all; and where the last one stands in each partition."""

    erasures: Mapping[str, Erasure] = field(default_factory=dict)
    until: Mapping[str, int] = field(default_factory=dict)
    latest: int = _NEVER
    bounds: Mapping[tuple[str, int], int] = field(default_factory=dict)


class Tombstones:
    """The erasures known so far. One thread may add while others look: what is known is replaced as a whole."""

    def __init__(self) -> None:
        self._known = _Known()

    def add(self, *erasures: Erasure) -> None:
        """Know some more, or more of some: what was known of one stays, whatever is told of it later."""
        known = self._known
        found, until, bounds = dict(known.erasures), dict(known.until), dict(known.bounds)
        for told in erasures:
            before = found.get(told.receipt_id)
            erasure = found[told.receipt_id] = told if before is None else _merged(before, told)
            for each in erasure.marks:
                until[each] = max(until.get(each, _NEVER), erasure.requested_at)
            for place, offset in erasure.positions.items():
                bounds[place] = max(bounds.get(place, 0), offset)
        self._known = _Known(found, until, max(until.values(), default=_NEVER), bounds)

    def find(self, receipt_id: str) -> Erasure | None:
        """An erasure by its receipt."""
        return self._known.erasures.get(receipt_id)

    def all(self) -> list[Erasure]:
        """Every erasure, the earliest first."""
        return sorted(self._known.erasures.values(), key=lambda erasure: erasure.requested_at)

    def from_before(self, clean: pl.DataFrame) -> pl.Series | None:
        """Which clean events happened, or were received, before their person had them erased; None if none did."""
        known = self._known
        times = pl.min_horizontal(pl.col("occurred_at", "received_at").cast(pl.Int64))
        if not known.until or not clean.select((times <= known.latest).any()).item():
            return None
        early = clean.select(times.alias("_at"), "project", *_subjects(clean.columns)).with_row_index("_row")
        early = early.filter(pl.col("_at") <= known.latest)
        gone = early.filter(early["_at"] <= _highest(early, known.until, _NEVER))["_row"]
        if gone.is_empty():
            return None
        return pl.Series("erased", [False] * clean.height).scatter(gone, values=True)

    def bound(self, topic: str, partition: int) -> int:
        """Offset of the last erasure that is known to stand in a partition of a clean topic; 0 if none does."""
        return self._known.bounds.get((topic, partition), 0)

    def erased(self, events: pl.DataFrame, topic: str, partition: int) -> pl.Series:
        """Which events of a partition (`_offset` says where, ascending) come before their person's erasure in it."""
        first = 0 if events.is_empty() else events["_offset"][0]
        standing: dict[str, int] = {}
        for erasure in self._known.erasures.values():
            bound = erasure.positions.get((topic, partition), 0)
            for each in erasure.marks if bound > first else ():
                standing[each] = max(standing.get(each, 0), bound)
        if not standing:
            return pl.Series("erased", [False] * events.height, dtype=pl.Boolean)
        return (events["_offset"] < _highest(events, standing, 0)).alias("erased")


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


def _merged(before: Erasure, told: Erasure) -> Erasure:
    """A request may be told again after it was carried out, with nothing of what became of it."""
    positions = dict(before.positions)
    for place, offset in told.positions.items():
        positions[place] = max(positions.get(place, 0), offset)
    until = max(before.requested_at, told.requested_at)
    return replace(told, marks=before.marks | told.marks, requested_at=until, positions=positions)


def _highest(events: pl.DataFrame, by_mark: Mapping[str, int], otherwise: int) -> pl.Series:
    """The highest value that an event has by any of its subjects' marks."""
    values = [
        marks_of(events, name)
        .replace_strict(by_mark, default=otherwise, return_dtype=pl.Int64)
        .fill_null(otherwise)
        .alias(name)
        for name in _subjects(events.columns)
    ]
    return pl.select(pl.max_horizontal(*values)).to_series()


def _subjects(columns: Collection[str]) -> list[str]:
    return [name for name in SUBJECTS if name in columns]
