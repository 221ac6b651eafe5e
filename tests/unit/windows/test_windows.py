"""Boundaries of windows, watermarks and sessions, at literal times."""

from __future__ import annotations

import polars as pl

from tidegate_stream.windows import AHEAD_MICROS, assign, closed, closed_sessions, segment

SECOND = 1_000_000
HOUR = 3600 * SECOND
INSTANT = pl.Datetime("us", "UTC")


def events(*times: int, received: int | None = None) -> pl.DataFrame:
    stamps = pl.DataFrame({"occurred_at": times, "received_at": [received or time for time in times]})
    return stamps.with_columns(pl.all().cast(pl.Int64).cast(INSTANT))


def test_a_window_begins_with_its_start_and_ends_before_its_end() -> None:
    assigned, _ = assign(events(0, 9_999_999, 10_000_000), 0, 10 * SECOND, HOUR)
    assert assigned["window_start"].to_list() == [0, 0, 10_000_000]


def test_the_watermark_never_falls_and_goes_on_from_the_chunk_before() -> None:
    assigned, mark = assign(events(50 * SECOND, 20 * SECOND), 30 * SECOND, 10 * SECOND, HOUR)
    assert assigned["watermark"].to_list() == [50 * SECOND, 50 * SECOND]
    assert mark == 50 * SECOND
    assert assign(events(), mark, 10 * SECOND, HOUR)[1] == mark


def test_an_event_far_ahead_of_its_receipt_does_not_move_the_watermark() -> None:
    received = 1000 * SECOND
    _, mark = assign(events(received + AHEAD_MICROS + 1, received=received), 7, 10 * SECOND, HOUR)
    assert mark == 7
    _, mark = assign(events(received + AHEAD_MICROS, received=received), 7, 10 * SECOND, HOUR)
    assert mark == received + AHEAD_MICROS


def test_a_record_is_late_from_its_windows_end_and_too_late_from_there_plus_lateness() -> None:
    base = 100 * HOUR
    frame = events(base)
    rows = [assign(frame, base + 10 * SECOND + shift, 10 * SECOND, HOUR)[0].row(0, named=True) for shift in (-1, 0)]
    assert [row["late"] for row in rows] == [0, 1]
    rows = [assign(frame, base + 10 * SECOND + HOUR + n, 10 * SECOND, HOUR)[0].row(0, named=True) for n in (-1, 0)]
    assert [row["incarnation"] for row in rows] == [0, 102]


def test_a_row_is_closed_exactly_when_the_next_record_of_its_window_would_be_too_late() -> None:
    rows = pl.DataFrame({"window_start": [100 * HOUR, 100 * HOUR], "incarnation": [0, 102]})
    for mark, expected in (
        (101 * HOUR + 10 * SECOND - 1, [False, False]),
        (101 * HOUR + 10 * SECOND, [True, False]),
        (102 * HOUR - 1, [True, False]),
        (102 * HOUR, [True, True]),
    ):
        assert rows.select(closed(mark, 10 * SECOND, HOUR)).to_series().to_list() == expected


def cells(*spans: tuple[int, int]) -> pl.DataFrame:
    return pl.DataFrame(
        {"who": ["v"] * len(spans), "first_at": [a for a, _ in spans], "last_at": [b for _, b in spans]}
    )


def test_an_exact_gap_continues_a_session_and_a_microsecond_more_ends_it() -> None:
    assert segment(cells((0, 5), (15, 16)), ["who"], 10, 1000)["run"].to_list() == [0, 0]
    assert segment(cells((0, 5), (16, 17)), ["who"], 10, 1000)["run"].to_list() == [0, 1]


def test_a_run_longer_than_the_cap_is_cut_where_a_cell_would_pass_it() -> None:
    spans = cells((0, 9), (10, 19), (20, 29), (30, 39))
    assert segment(spans, ["who"], 10, 39)["segment"].to_list() == [0, 0, 0, 0]
    assert segment(spans, ["who"], 10, 19)["segment"].to_list() == [0, 0, 1, 1]


def test_a_session_is_closed_when_no_record_in_time_can_reach_it() -> None:
    one = segment(cells((0, 9)), ["who"], 10, 1000)
    assert [closed_sessions(one, mark, 10, 100).item() for mark in (119, 120)] == [False, True]


def test_a_cut_segment_is_closed_once_the_cut_cannot_move() -> None:
    long = segment(cells((0, 9), (10, 19), (20, 29)), ["who"], 10, 19)
    assert closed_sessions(long, 129, 10, 100).to_list() == [False, False, False]
    assert closed_sessions(long, 130, 10, 100).to_list() == [True, True, False]
