"""Which records the rows of a range depend on; and that every aggregate has said so."""

from __future__ import annotations

import pytest

from tidegate_stream.folds import Activity, Fold, Metrics, Sessions, all_folds
from tidegate_stream.rebuild import Stretch, reach

MINUTE, HOUR = 60_000_000, 3_600_000_000


@pytest.mark.parametrize("fold", all_folds(), ids=lambda fold: f"{fold.name}.{fold.kind}")
def test_every_aggregate_has_a_reach_that_covers_the_range(fold: Fold) -> None:
    need = reach(fold, 50 * HOUR, 51 * HOUR)
    assert need.rows.begin <= 50 * HOUR
    assert need.rows.end >= 51 * HOUR
    assert need.records.begin <= need.rows.begin
    assert need.records.end >= need.rows.end


def test_windows_are_whole() -> None:
    assert reach(Activity(), 50 * HOUR + MINUTE, 50 * HOUR + 16 * MINUTE).rows == Stretch(
        50 * HOUR, 50 * HOUR + 30 * MINUTE
    )


def test_sessions_reach_as_far_as_their_cap_and_totals_as_far_as_they_are_remembered() -> None:
    assert reach(Sessions(), 50 * HOUR, 51 * HOUR).records == Stretch(25 * HOUR, 76 * HOUR)
    assert reach(Metrics(), 50 * HOUR, 51 * HOUR).memory == 24 * HOUR
