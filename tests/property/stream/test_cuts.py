"""The law that recovery stands on: state and output depend on the records, not on how they were cut."""

from __future__ import annotations

import itertools

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.property.stream import events as data

from tidegate_stream.folds import (
    Activity,
    ExceptionRates,
    Fold,
    Identities,
    Latencies,
    Ledger,
    Metrics,
    RequestRates,
    Sessions,
    Usage,
    advance,
    empty_state,
    evict,
)
from tidegate_stream.windows import NO_WATERMARK

FOLDS: list[Fold] = [
    Sessions(),
    Activity(),
    Usage(),
    Usage(max_keys=2),
    Identities(),
    RequestRates(max_keys=2),
    ExceptionRates(),
    Latencies(),
    Latencies(max_keys=2),
    Ledger(),
    Metrics(),
    Metrics(max_series=2),
]
IDS = [f"{fold.name}-{fold.kind}-{n}" for n, fold in enumerate(FOLDS)]
laws = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def run(fold: Fold, frame: pl.DataFrame, ends: list[int]) -> tuple[pl.DataFrame, int]:
    """The state after a run cut at `ends`, a flush after each chunk, nothing evicted."""
    state, watermark = empty_state(fold), NO_WATERMARK
    for start, end in itertools.pairwise(ends):
        rows, watermark = fold.partial(frame[start:end], watermark)
        state, _ = advance(fold, state, [rows])
    return state.sort(fold.keys), watermark


def written(fold: Fold, frame: pl.DataFrame, ends: list[int], groups: list[int]) -> dict[object, dict[str, object]]:
    """What a table that keeps the latest version holds after chunks, flushes, evictions and a final eviction."""
    table: dict[object, dict[str, object]] = {}
    state, watermark, waiting = empty_state(fold), NO_WATERMARK, []

    def write(rows: pl.DataFrame) -> None:
        for row in rows.drop("revision").iter_rows(named=True):
            plain = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
            measured = {"final", "is_deleted", *getattr(fold, "values", {}), *MEASURES}
            key = tuple((name, value) for name, value in plain.items() if name not in measured)
            if fold.table == "sessions":
                key = (row["project"], row["visitor"], row["first_offset"])
            table[key] = plain

    for n, (start, end) in enumerate(itertools.pairwise(ends)):
        rows, watermark = fold.partial(frame[start:end], watermark)
        waiting.append(rows)
        if groups[n % len(groups)] or end == len(frame):
            state, changed = advance(fold, state, waiting)
            waiting = []
            write(fold.output(changed, fold.expired(changed, watermark)))
            state, last = evict(fold, state, watermark)
            if last is not None:
                write(last)
    return {key: row for key, row in table.items() if not row.get("is_deleted")}


MEASURES = {
    "sum_seconds",
    "min",
    "max",
    "last",
    "last_at",
    "sum",
    "count",
    "increase",
    "buckets",
    "bucket_counts",
    "first_seen",
}


@pytest.mark.parametrize("fold", FOLDS, ids=IDS)
def test_state_is_the_same_however_the_records_are_cut(fold: Fold) -> None:
    @laws
    @given(st.data())
    def law(given_data: st.DataObject) -> None:
        rows = given_data.draw(data.events(fold.kind))
        ends = given_data.draw(st.composite(data.cuts)(len(rows)))
        frame = data.frame(fold.kind, rows)
        whole, mark = run(fold, frame, [0, len(rows)])
        cut, cut_mark = run(fold, frame, ends)
        assert cut_mark == mark
        assert cut.equals(whole, null_equal=True)

    law()


@pytest.mark.parametrize("fold", FOLDS, ids=IDS)
def test_adjoining_parts_merge_in_any_grouping_and_listing(fold: Fold) -> None:
    @laws
    @given(st.data())
    def law(given_data: st.DataObject) -> None:
        rows = given_data.draw(data.events(fold.kind))
        ends = given_data.draw(st.composite(data.cuts)(len(rows)))
        frame = data.frame(fold.kind, rows)
        parts, watermark = [], NO_WATERMARK
        for start, end in itertools.pairwise(ends):
            part, watermark = fold.partial(frame[start:end], watermark)
            parts.append(part)
        split = given_data.draw(st.integers(0, len(parts)))
        left = fold.merge(parts[:split]) if split else empty_state(fold)
        right = fold.merge(parts[split:]) if split < len(parts) else empty_state(fold)
        whole = fold.merge(parts).sort(fold.keys)
        assert fold.merge([right, left]).sort(fold.keys).equals(whole, null_equal=True)
        assert fold.merge(parts[::-1]).sort(fold.keys).equals(whole, null_equal=True)

    law()


@pytest.mark.parametrize("fold", FOLDS, ids=IDS)
def test_the_table_is_the_same_whatever_was_flushed_and_evicted_when(fold: Fold) -> None:
    @laws
    @given(st.data())
    def law(given_data: st.DataObject) -> None:
        rows = given_data.draw(data.events(fold.kind))
        ends = given_data.draw(st.composite(data.cuts)(len(rows)))
        groups = given_data.draw(st.lists(st.integers(0, 1), min_size=1, max_size=4))
        frame = data.frame(fold.kind, rows)
        assert written(fold, frame, ends, groups) == written(fold, frame, [0, len(rows)], [1])

    law()
