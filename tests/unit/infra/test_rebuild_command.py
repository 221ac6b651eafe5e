"""What `tidegate rebuild` takes, and what it says no to."""

from datetime import UTC, datetime

import pytest

from tidegate_infra.errors import RebuildError
from tidegate_infra.rebuild.command import asked_folds, asked_time, moment
from tidegate_stream.folds import all_folds

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_a_date_is_its_begin_and_a_time_is_utc() -> None:
    assert moment("2026-11-23", "--to") == datetime(2026, 11, 23, tzinfo=UTC)
    assert moment("2026-11-23T10:30", "--to") == datetime(2026, 11, 23, 10, 30, tzinfo=UTC)
    assert moment("2026-11-23T10:30+02:00", "--to") == datetime(2026, 11, 23, 8, 30, tzinfo=UTC)


def test_what_is_no_time_is_refused() -> None:
    with pytest.raises(RebuildError, match="--from yesterday: neither a date"):
        moment("yesterday", "--from")


def test_a_range_may_reach_up_to_the_lateness_before_now_and_no_further() -> None:
    begin, closed = NOW.replace(hour=1), NOW.replace(hour=11)
    assert asked_time(begin, closed, NOW, 3600).end == int(closed.timestamp() * 1e6)
    with pytest.raises(RebuildError, match="only those up to 2026-11-23 11:00:00 UTC are closed"):
        asked_time(begin, closed.replace(second=1), NOW, 3600)


def test_an_empty_range_is_refused() -> None:
    with pytest.raises(RebuildError, match="must be later"):
        asked_time(NOW, NOW, NOW, 0)


def test_aggregates_go_by_name_and_an_unknown_one_is_refused_with_the_known() -> None:
    folds = all_folds()
    assert asked_folds(folds, []) == list(folds)
    assert {fold.kind for fold in asked_folds(folds, ["error_rates"])} == {"span", "error"}
    with pytest.raises(RebuildError, match=r"no such aggregate; there are activity, .*usage"):
        asked_folds(folds, ["session"])
