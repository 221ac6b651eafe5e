from datetime import UTC, datetime

from tidegate_dashboards.ranges import Span
from tidegate_dashboards.reader import Rows
from tidegate_dashboards.shape import daily, epoch, lines, total

SPAN = Span(datetime(2026, 11, 23, 12, 0, tzinfo=UTC), datetime(2026, 11, 23, 12, 0, 30, tzinfo=UTC), 10)
NOON = epoch("2026-11-23 12:00:00") * 1000
ROWS = Rows(
    ("time", "route", "requests"),
    [["2026-11-23 12:00:00", "/a", 3], ["2026-11-23 12:00:20", "/a", 5], ["2026-11-23 12:00:20", "/b", 1]],
)


def test_counts_are_zero_where_there_is_no_row() -> None:
    found = lines(ROWS, SPAN, lambda row: row["route"], "requests", empty=0)

    assert found == {
        "/a": [[NOON, 3], [NOON + 10_000, 0], [NOON + 20_000, 5]],
        "/b": [[NOON, 0], [NOON + 10_000, 0], [NOON + 20_000, 1]],
    }


def test_rates_are_gaps_where_there_is_no_row() -> None:
    found = lines(ROWS, SPAN, lambda row: row["route"], "requests")

    assert found["/b"] == [[NOON, None], [NOON + 10_000, None], [NOON + 20_000, 1]]


def test_no_rows_are_no_lines() -> None:
    assert lines(Rows(), SPAN, lambda row: row["route"], "requests") == {}


def test_rows_of_wider_windows_keep_their_width() -> None:
    minute = Rows(("time", "cpu"), [["2026-11-23 12:00:00", 0.5]])

    assert lines(minute, SPAN, lambda row: "cpu", "cpu", least_step=60) == {"cpu": [[NOON, 0.5]]}


def test_days_without_a_row_count_zero() -> None:
    rows = Rows(("day", "persons"), [["2026-11-21", 4], ["2026-11-23", 9]])

    points = daily(rows, "persons", datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC), 3)

    assert [value for _, value in points] == [4, 0, 9]
    assert points[-1][0] == epoch("2026-11-23") * 1000


def test_a_day_begins_at_midnight_utc() -> None:
    points = daily(Rows(("day", "persons"), []), "persons", datetime(2026, 11, 23, 0, 0, tzinfo=UTC), 1)

    assert points == [[epoch("2026-11-23") * 1000, 0]]


def test_totals_add_up() -> None:
    assert total(ROWS, "requests") == 9
    assert total(Rows(), "requests") == 0
