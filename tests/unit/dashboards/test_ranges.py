from datetime import UTC, datetime

import pytest

from tidegate_dashboards.ranges import DEFAULT_RANGE, RANGES, TimeRange, time_range


def test_a_range_ends_with_the_step_in_progress() -> None:
    span = RANGES[0].span(datetime(2026, 11, 23, 12, 0, 7, tzinfo=UTC))

    assert span.start == datetime(2026, 11, 23, 11, 45, 10, tzinfo=UTC)
    assert span.end == datetime(2026, 11, 23, 12, 0, 10, tzinfo=UTC)


def test_a_step_begins_on_its_own_boundary() -> None:
    span = RANGES[0].span(datetime(2026, 11, 23, 12, 0, 10, tzinfo=UTC))

    assert span.end == datetime(2026, 11, 23, 12, 0, 20, tzinfo=UTC)


@pytest.mark.parametrize("choice", RANGES, ids=lambda choice: choice.key)
def test_every_range_has_about_ninety_points_of_whole_windows(choice: TimeRange) -> None:
    span = choice.span(datetime(2026, 11, 23, 12, 0, 7, tzinfo=UTC))

    assert choice.step_seconds % 10 == 0
    assert choice.seconds % choice.step_seconds == 0
    assert 60 <= len(span.points()) <= 100
    assert span.points()[0] == int(span.start.timestamp())
    assert span.points()[-1] == int(span.end.timestamp()) - choice.step_seconds


def test_coarser_points_are_aligned_to_their_own_step() -> None:
    span = RANGES[0].span(datetime(2026, 11, 23, 12, 0, 7, tzinfo=UTC))

    points = span.points(60)

    assert all(point % 60 == 0 for point in points)
    assert points[0] == int(datetime(2026, 11, 23, 11, 45, tzinfo=UTC).timestamp())
    assert points[-1] == int(datetime(2026, 11, 23, 12, 0, tzinfo=UTC).timestamp())


def test_parameters_are_utc_text_that_clickhouse_reads() -> None:
    span = RANGES[1].span(datetime(2026, 11, 23, 12, 0, 7, tzinfo=UTC))

    assert span.parameters() == {"start": "2026-11-23 11:01:00", "end": "2026-11-23 12:01:00", "step": "60"}
    assert span.minutes == 60


def test_an_unknown_range_is_the_default_one() -> None:
    assert time_range("7d").seconds == 604_800
    assert time_range("1 year; DROP TABLE") is DEFAULT_RANGE
    assert time_range(None) is DEFAULT_RANGE
