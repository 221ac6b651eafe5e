"""Which events have been taken before: exact, in bounded memory.

No filter with false positives: an event that is told a duplicate is one. When there is no more room, the ids
received longest ago are forgotten, and `horizon` says from when on duplicates are still found.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

MAX_IDS = 1_000_000
"""Ids remembered for one partition, at 24 bytes each."""
SETTLE_IDS = 50_000
"""New ids are kept apart up to this many, then sorted in among the others."""

SCHEMA = {"high": pl.UInt64, "low": pl.UInt64, "received_at": pl.Int64}


def split_ids(event_ids: pl.Series, received_at: pl.Series) -> pl.DataFrame:
    """128-bit ids as two columns `high` and `low`, with `received_at` in µs. Ids are UUIDs in text."""
    digits = pl.col("id").str.to_lowercase().str.replace_all("-", "", literal=True)
    frame = pl.DataFrame(
        {"id": event_ids, "received_at": received_at.cast(pl.Int64)}, schema_overrides={"id": pl.String}
    )
    return frame.select(
        digits.str.slice(0, 16).str.to_integer(base=16, dtype=pl.UInt64).alias("high"),
        digits.str.slice(16, 16).str.to_integer(base=16, dtype=pl.UInt64).alias("low"),
        "received_at",
    )


@dataclass(frozen=True)
class Learnt:
    """Ids that a chunk brought, to be remembered once its transaction is committed."""

    ids: pl.DataFrame


class Seen:
    """Ids of one partition. Reading changes nothing; `learn` is for after the commit."""

    def __init__(self, max_ids: int = MAX_IDS, settle_ids: int = SETTLE_IDS, horizon: int | None = None) -> None:
        self._max_ids = max_ids
        self._settle_ids = settle_ids
        self._settled = pl.DataFrame(schema=SCHEMA)  # sorted by `low`
        self._recent: list[pl.DataFrame] = []
        self._horizon = horizon

    def __len__(self) -> int:
        return self._settled.height + sum(frame.height for frame in self._recent)

    @property
    def horizon(self) -> int | None:
        """µs since the epoch: an id received at or after it is remembered. None: nothing was forgotten yet."""
        return self._horizon

    @classmethod
    def restore(
        cls, event_ids: pl.Series, received_at: pl.Series, max_ids: int = MAX_IDS, horizon: int | None = None
    ) -> Seen:
        """Remember the events of the tail of the partition's own clean topic, as after a restart.

        `horizon` (µs): no event before the tail was received then or later. None where the tail is all there is.
        """
        seen = cls(max_ids, horizon=horizon)
        seen.learn(Learnt(split_ids(event_ids, received_at)))
        return seen

    def duplicates(self, ids: pl.DataFrame) -> pl.Series:
        """Which ids of a frame made by `split_ids` were seen before, or earlier in the frame."""
        repeated = ~ids.select(pl.struct("high", "low").is_first_distinct()).to_series()
        found = repeated
        if self._recent:
            found = found | _among(ids, pl.concat(self._recent))
        if not self._settled.is_empty():
            low = self._settled["low"]
            places = low.search_sorted(ids["low"], "left").clip(0, low.len() - 1)
            candidates = low.gather(places) == ids["low"]
            if candidates.any():
                near = self._settled.filter(pl.col("low").is_in(ids.filter(candidates)["low"].implode()))
                found = found | _among(ids, near)
        return found.alias("duplicate")

    def learn(self, learnt: Learnt) -> None:
        """Remember the ids of a committed chunk."""
        if not learnt.ids.is_empty():
            self._recent.append(learnt.ids)
        if sum(frame.height for frame in self._recent) >= self._settle_ids or len(self) > self._max_ids:
            self._settle()

    def _settle(self) -> None:
        """Sort the recent ids in; forget those above the bound, by whole instants, oldest first."""
        rows = pl.concat([self._settled, *self._recent])
        self._recent = []
        excess = rows.height - self._max_ids
        if excess > 0:
            last_forgotten = int(rows["received_at"].sort()[excess - 1])
            rows = rows.filter(pl.col("received_at") > last_forgotten)
            self._horizon = max(last_forgotten + 1, self._horizon or 0)
        self._settled = rows.sort("low")


def _among(ids: pl.DataFrame, known: pl.DataFrame) -> pl.Series:
    pairs = known.select("high", "low", pl.lit(value=True).alias("known")).unique(["high", "low"])
    joined = ids.join(pairs, on=["high", "low"], how="left", maintain_order="left")
    return joined["known"].fill_null(value=False)
