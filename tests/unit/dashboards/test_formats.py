from datetime import UTC, datetime, timedelta

import pytest

from tidegate_dashboards import formats

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (7, "7"),
        (0.25, "0.25"),
        (1234, "1,234"),
        (9999, "9,999"),
        (12_345, "12.3k"),
        (1_234_567, "1.23M"),
        (2_000_000_000, "2B"),
        (None, "–"),
        (float("nan"), "–"),
    ],
)
def test_numbers_are_short_and_exact_while_they_are_small(value: float | None, text: str) -> None:
    assert formats.compact(value) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0%"), (0.0512, "5.12%"), (0.1, "10%"), (1, "100%"), (0.00004, "0%"), (None, "–")]
)
def test_shares_are_percentages(share: float | None, text: str) -> None:
    assert formats.percent(share) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0000042, "4.2 µs"),
        (0.0123, "12.3 ms"),
        (0.9996, "1 s"),
        (1.5, "1.5 s"),
        (75, "1 min 15 s"),
        (3600, "1 h"),
        (5400, "1 h 30 min"),
        (None, "–"),
    ],
)
def test_durations_have_the_unit_that_fits(seconds: float | None, text: str) -> None:
    assert formats.duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (52_400_000, "52.4 MB"), (3e9, "3 GB"), (None, "–")]
)
def test_byte_sizes_are_decimal(size: float | None, text: str) -> None:
    assert formats.byte_size(size) == text


@pytest.mark.parametrize(
    ("passed", "text"),
    [
        (timedelta(seconds=-3), "just now"),
        (timedelta(seconds=4), "just now"),
        (timedelta(seconds=42), "42 s ago"),
        (timedelta(minutes=1), "1 min ago"),
        (timedelta(hours=25), "1 d ago"),
    ],
)
def test_ages_have_one_unit_and_never_lie_ahead(passed: timedelta, text: str) -> None:
    assert formats.ago(NOON - passed, NOON) == text


def test_the_epoch_and_nothing_are_no_time() -> None:
    assert formats.when("1970-01-01 00:00:00") is None
    assert formats.when("") is None
    assert formats.when(None) is None
    assert formats.when("2026-11-23 12:00:00") == NOON


def test_requests_without_a_route_say_so() -> None:
    assert formats.endpoint("GET", "/agents/{slug}") == "GET /agents/{slug}"
    assert formats.endpoint("GET", "") == "GET (no route)"
    assert formats.endpoint("", "/x") == "/x"
