"""When a difference counts, and which command repairs it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tidegate_infra.reconcile import Found, repairs, report
from tidegate_stream.reconcile import Difference, Judged, confirmed
from tidegate_stream.reconcile.findings import closed_before

TEN = datetime(2026, 11, 23, 10, tzinfo=UTC)
ONE = Difference("usage", "count", TEN, TEN + timedelta(hours=1), "default", "clean.track", 0, 10.0, 12.0, 1, 0)
SECOND = 1_000_000


def test_only_what_was_there_before_and_is_as_large_counts() -> None:
    other = replace(ONE, project="other")
    assert confirmed([], [ONE]) == []
    assert confirmed([ONE], [ONE, other]) == [ONE]
    assert confirmed([replace(ONE, found=11.0)], [ONE]) == []


def test_events_that_come_to_both_sides_leave_a_difference_what_it_is() -> None:
    assert confirmed([ONE], [replace(ONE, expected=110.0, found=112.0)]) != []


def test_a_window_is_closed_once_its_lateness_is_over() -> None:
    assert closed_before(10, 100 * SECOND, 30) == 70 * SECOND
    assert closed_before(10, 99 * SECOND, 30) == 60 * SECOND
    assert closed_before(0, 99 * SECOND, 30) == 69 * SECOND
    assert closed_before(10, 0, 30) == 0


def test_one_command_an_aggregate_covers_all_its_hours_and_ends_where_windows_are_closed() -> None:
    earlier = replace(ONE, window_start=TEN - timedelta(hours=3), window_end=TEN - timedelta(hours=2))
    metric = replace(ONE, aggregate="metric_windows")
    assert repairs([ONE, earlier, metric], TEN + timedelta(minutes=30)) == [
        "tidegate rebuild --from 2026-11-23T10:00:00Z --to 2026-11-23T10:30:00Z --agent metrics",
        "tidegate rebuild --from 2026-11-23T07:00:00Z --to 2026-11-23T10:30:00Z --agent usage",
    ]


def test_partitions_that_could_not_be_judged_are_named() -> None:
    lines = list(report(Found(Judged({}, [("clean.span", 1)]), []), TEN))
    assert lines[0].startswith("clean.span/1 was not judged")
    assert lines[-1] == "no difference in 0 partitions"
