"""The columnar folds are the reference folds, whole or cut."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.property.stream import events as data
from tests.property.stream import reference

from tidegate_stream.folds import (
    Activity,
    Fold,
    Identities,
    Latencies,
    Ledger,
    Metrics,
    ReleaseHealth,
    RequestRates,
    Sessions,
    SpanLedger,
    Usage,
    advance,
    empty_state,
)
from tidegate_stream.folds.release_health import COUNTS, MARKS
from tidegate_stream.windows import NO_WATERMARK

laws = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
Rows = dict[tuple[Any, ...], dict[str, Any]]
NEAR = 1e-6


def folded(fold: Fold, rows: list[dict[str, Any]], ends: list[int]) -> pl.DataFrame:
    """The state after chunks cut at `ends`."""
    frame = data.frame(fold.kind, rows)
    state, watermark = empty_state(fold), NO_WATERMARK
    for start, end in itertools.pairwise(ends):
        part, watermark = fold.partial(frame[start:end], watermark)
        state, _ = advance(fold, state, [part])
    return state


def presented(fold: Fold, state: pl.DataFrame) -> pl.DataFrame:
    """Output rows with times in µs."""
    table = fold.output(state, pl.repeat(value=False, n=state.height, eager=True))
    return table.with_columns(pl.col(pl.Datetime).cast(pl.Int64))


def near(got: dict[str, Any], expected: dict[str, Any]) -> bool:
    """Whether all that is expected is there, numbers nearly."""
    return all(
        got[name] == (pytest.approx(value, rel=NEAR, abs=NEAR) if isinstance(value, float) else value)
        for name, value in expected.items()
    )


EXEMPLAR = ["exemplar_seconds", "exemplar_trace_id"]
CASES: list[tuple[Fold, Callable[[Sequence[Any]], Rows], list[str]]] = [
    (Latencies(), reference.latencies, ["count", "sum_seconds", "min_seconds", "max_seconds", *EXEMPLAR]),
    (RequestRates(), reference.request_rates, ["requests", "client_errors", "server_errors"]),
    (Usage(), reference.usage, ["count", "failures"]),
    (Activity(), reference.activity, ["events", "features"]),
    (Ledger(), reference.ledger, ["stored", "bits"]),
    (SpanLedger(), reference.ledger, ["stored", "bits"]),
    (Identities(), reference.identities, ["first_seen"]),
    (ReleaseHealth(), reference.release_health, ["user", "duration_seconds", *MARKS, *COUNTS]),
]


@pytest.mark.parametrize(("fold", "expect", "values"), CASES, ids=[f"{case[0].name}.{case[0].kind}" for case in CASES])
def test_tumbling_folds_are_their_references(
    fold: Fold, expect: Callable[[Sequence[Any]], Rows], values: list[str]
) -> None:
    @laws
    @given(st.data())
    def law(given_data: st.DataObject) -> None:
        rows = given_data.draw(data.events(fold.kind))
        state = folded(fold, rows, given_data.draw(st.composite(data.cuts)(len(rows))))
        table = pl.concat(
            [state.select(fold.keys), presented(fold, state).drop(fold.keys, strict=False)], how="horizontal"
        )
        expected = expect(rows)
        got = {tuple(row[name] for name in fold.keys): row for row in table.iter_rows(named=True)}
        assert got.keys() == expected.keys()
        for key, row in expected.items():
            assert near(got[key], {name: row[name] for name in values})
            assert (got[key]["first_offset"], got[key]["revision"]) == (row["first_offset"], row["revision"])
            if "sketch" in row:
                sketch = dict(zip(got[key]["buckets"], got[key]["bucket_counts"], strict=True))
                assert sketch == pytest.approx(dict(row["sketch"]), rel=NEAR)

    law()


@laws
@given(st.data())
def test_sessions_are_their_reference(given_data: st.DataObject) -> None:
    fold = Sessions()
    rows = given_data.draw(data.events("track"))
    table = presented(fold, folded(fold, rows, given_data.draw(st.composite(data.cuts)(len(rows)))))
    got = {
        (row["project"], row["visitor"], row["first_offset"]): row
        for row in table.filter(pl.col("is_deleted") == 0).iter_rows(named=True)
    }
    expected = reference.sessions(rows)
    assert got.keys() == expected.keys()
    for key, row in expected.items():
        assert near(got[key], row)


@laws
@given(st.data())
def test_metrics_are_their_reference(given_data: st.DataObject) -> None:
    fold = Metrics()
    rows = given_data.draw(data.events("metric"))
    state = folded(fold, rows, given_data.draw(st.composite(data.cuts)(len(rows))))
    names = ["window_start", *reference.SERIES, "first_offset"]
    got = {tuple(row[name] for name in names): row for row in presented(fold, state).iter_rows(named=True)}
    expected = {(key[0], *key[2:], row["first_offset"]): row for key, row in reference.metrics(rows).items()}
    assert got.keys() == expected.keys()
    for key, row in expected.items():
        parts = row.get("parts", {})
        plain = {name: row[name] for name in ("min", "max", "last", "count", "sum")}
        if key[names.index("instrument")] == "histogram":
            plain |= {"count": parts["count"], "sum": parts["sum"]}
            sketch = dict(zip(got[key]["buckets"], got[key]["bucket_counts"], strict=True))
            positive = {name: part for name, part in parts.items() if isinstance(name, int) and part > NEAR}
            assert {name: part for name, part in sketch.items() if part > NEAR} == pytest.approx(positive, rel=NEAR)
        plain["increase"] = parts.get("increase", 0.0)
        assert near(got[key], plain)
