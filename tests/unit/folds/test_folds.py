"""What the folds mean, at literal events: sessions that join, counters that reset, keys above the cap."""

from __future__ import annotations

import math
import random
from typing import Any

import polars as pl
import pytest
from tests.property.stream.events import BASE, SECOND, frame

from tidegate_stream.folds import Fold, Latencies, Metrics, Sessions, Usage, advance, all_folds, empty_state, evict
from tidegate_stream.folds.sketch import ACCURACY, bucket, bucket_of, quantile

MINUTE = 60 * SECOND


def track(minute: float, **fields: Any) -> dict[str, Any]:
    at = BASE + int(minute * MINUTE)
    plain = {"project": "p", "visitor": "v", "type": "page", "name": "open", "sample_rate": 1.0, "failed": False}
    return {"occurred_at": at, "received_at": at, **plain, **fields}


def point(second: int, value: float, **fields: Any) -> dict[str, Any]:
    at = BASE + second * SECOND
    plain = {"project": "p", "name": "hits", "instrument": "counter", "temporality": "cumulative", "attributes": "{}"}
    times = {"occurred_at": at, "received_at": at, "started_at": at}
    return {**times, **plain, "producer_id": "a", "sample_rate": 1.0, "value": value, **fields}


def run(fold: Fold, *chunks: list[dict[str, Any]]) -> pl.DataFrame:
    """Output after each chunk was folded and flushed by itself: all rows written, in order."""
    whole = frame(fold.kind, [row for chunk in chunks for row in chunk])
    state, watermark, start, written = empty_state(fold), 0, 0, []
    for chunk in chunks:
        part, watermark = fold.partial(whole[start : start + len(chunk)], watermark)
        start += len(chunk)
        state, changed = advance(fold, state, [part])
        written.append(fold.output(changed, fold.expired(changed, watermark)))
    return pl.concat(written)


def test_a_late_event_joins_two_sessions_and_the_younger_row_is_retracted() -> None:
    fold, chunks = Sessions(), ([track(0)], [track(40)], [track(20)])
    columns = ["first_offset", "events", "is_deleted"]
    before = run(fold, *chunks[:2]).select(columns).rows()
    after = run(fold, *chunks).select(columns).rows()[len(before) :]
    assert set(before) == {(10, 1.0, 0), (13, 1.0, 0)}
    assert after == [(10, 3.0, 0), (13, 1.0, 1)]


def test_a_session_written_in_one_go_retracts_what_may_have_been_written() -> None:
    rows = run(Sessions(), [track(0), track(40), track(20)])
    assert rows.select("first_offset", "is_deleted").rows() == [(10, 0), (13, 1)]


def test_a_session_that_grows_in_order_retracts_nothing() -> None:
    rows = run(Sessions(), [track(minute) for minute in range(0, 200, 20)])
    assert rows.select("first_offset", "pageviews", "is_deleted").rows() == [(10, 10.0, 0)]


def test_a_visitor_who_never_pauses_gets_a_new_session_each_day() -> None:
    rows = run(Sessions(), [track(minute) for minute in range(0, 3 * 1440, 15)]).filter(pl.col("is_deleted") == 0)
    lengths = (rows["ended_at"] - rows["started_at"]).dt.total_hours().to_list()
    assert len(lengths) == 3
    assert max(lengths) <= 24


def test_signing_in_does_not_cut_a_session_and_no_visitor_opens_none() -> None:
    rows = run(Sessions(), [track(0), track(5, user="u"), track(6, visitor=None)])
    assert rows.select("user", "events").rows() == [("u", 2.0)]


def test_a_cumulative_counter_counts_its_growth_over_chunks_and_all_of_it_after_a_reset() -> None:
    rows = run(Metrics(), [point(0, 100.0)], [point(10, 103.0)], [point(20, 2.0)])
    assert rows["increase"].to_list() == [0.0, 3.0, 2.0]


def test_a_stream_that_began_just_now_counts_from_zero() -> None:
    rows = run(Metrics(), [point(30, 4.0, started_at=BASE)], [point(40, 9.0, started_at=BASE)])
    assert rows["increase"].to_list() == [4.0, 5.0]


def test_streams_of_two_producers_are_told_apart() -> None:
    rows = run(
        Metrics(),
        [point(0, 100.0), point(1, 7.0, producer_id="b")],
        [point(10, 101.0), point(11, 9.0, producer_id="b")],
    )
    assert rows["increase"].to_list() == [0.0, 3.0]


def test_a_counter_that_comes_through_two_gateways_counts_once() -> None:
    fresh = {"instance": "process", "started_at": BASE}
    points = [point(n, 10.0 * n, producer_id="ab"[n % 2], **fresh) for n in range(1, 9)]
    assert run(Metrics(), points[:3], points[3:])["increase"].max() == 80.0


def test_keys_above_the_cap_share_a_row_and_no_count_is_lost() -> None:
    events = [track(0, name=name) for name in "abcab"] + [track(0, name="d"), track(0, name="c")]
    fold = Usage(max_keys=2)
    last = run(fold, events[:3], events[3:]).group_by("event", maintain_order=True).last()
    assert sorted(last.select("event", "count").rows()) == [("(other)", 3.0), ("a", 2.0), ("b", 2.0)]


def test_a_sampled_event_counts_for_those_left_out() -> None:
    assert run(Usage(), [track(0, sample_rate=0.25, failed=True)]).select("count", "failures").row(0) == (4.0, 4.0)


def test_a_window_is_final_when_lateness_has_passed() -> None:
    fold = Usage()
    part, mark = fold.partial(frame("track", [track(0)]), 0)
    state, _ = advance(fold, empty_state(fold), [part])
    assert evict(fold, state, mark)[1] is None
    kept, last = evict(fold, state, BASE + (15 + 60) * MINUTE)
    assert last is not None
    assert (kept.height, last["final"].to_list()) == (0, [1])


def test_quantiles_are_within_one_percent_after_merging() -> None:
    rng = random.Random(3)
    spans = [rng.lognormvariate(-3, 1.5) for _ in range(4000)]
    at = {"occurred_at": BASE, "received_at": BASE, "project": "p", "operation": "request", "sample_rate": 1.0}
    rows = [{**at, "duration_seconds": seconds} for seconds in spans]
    table = run(Latencies(), rows[:1000], rows[1000:])[-1:].row(0, named=True)
    for q in (0.5, 0.95, 0.99):
        exact = sorted(spans)[math.ceil(q * len(spans)) - 1]
        assert quantile(table["buckets"], table["bucket_counts"], q) == pytest.approx(exact, rel=ACCURACY * 1.001)


@pytest.mark.parametrize("value", [0.0, -1.0, 1e-9, 1e-3, 1.0, 0.1, 3.7, 1e6, math.inf, math.nan])
def test_the_bucket_of_a_column_is_that_of_the_value(value: float) -> None:
    assert pl.select(bucket(pl.lit(value))).item() == bucket_of(value)


def test_every_fold_of_the_house_has_its_own_agent_name() -> None:
    names = [f"{fold.name}.{fold.kind}" for fold in all_folds()]
    assert len(set(names)) == len(names) == 12
