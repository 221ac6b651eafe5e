"""Lag, the age of commits, and a commit that is stuck."""

from __future__ import annotations

import pytest
from faust.types import TP

from tidegate_stream.errors import StuckCommitError
from tidegate_stream.transport.watch import CommitWatch, Extent

P0, P1 = TP("clean.track", 0), TP("clean.track", 1)


def test_lag_is_what_waits_for_a_commit_and_what_is_still_to_be_fetched() -> None:
    assert Extent(committed=10, reached=14, position=16, end=20).lag == 8


def test_transaction_markers_behind_the_last_record_are_no_lag() -> None:
    assert Extent(committed=10, reached=10, position=12, end=12).lag == 0


def test_the_age_runs_while_there_is_lag_and_the_commit_stands_still() -> None:
    watch = CommitWatch(60)
    assert watch.observe({P0: Extent(5, 9, 9, 9)}, 100.0) == {P0: 0.0}
    assert watch.observe({P0: Extent(5, 12, 12, 12)}, 130.0) == {P0: 30.0}
    assert watch.observe({P0: Extent(9, 12, 12, 12)}, 140.0) == {P0: 0.0}
    assert watch.observe({P0: Extent(12, 12, 12, 12)}, 190.0) == {P0: 0.0}


def test_a_quiet_partition_is_never_stuck() -> None:
    watch = CommitWatch(60)
    for now in range(0, 1000, 10):
        assert watch.observe({P0: Extent(5, 5, 6, 6)}, float(now)) == {P0: 0.0}


def test_a_stuck_commit_is_an_error_that_says_where_and_what_to_look_at() -> None:
    watch = CommitWatch(60)
    watch.observe({P0: Extent(5, 9, 9, 9), P1: Extent(1, 1, 1, 1)}, 100.0)
    with pytest.raises(StuckCommitError, match=r"clean.track/0 stays committed at offset 5 for 60 s, with a lag of 4"):
        watch.observe({P0: Extent(5, 9, 9, 9), P1: Extent(1, 1, 1, 1)}, 160.0)


def test_an_agent_that_is_brought_up_below_the_commit_is_not_stuck() -> None:
    watch = CommitWatch(60)
    for step in range(20):
        ages = watch.observe({P0: Extent(100, step, step, 100)}, 10.0 * step)
    assert ages == {P0: 190.0}


def test_a_partition_that_comes_back_begins_anew() -> None:
    watch = CommitWatch(60)
    watch.observe({P0: Extent(5, 9, 9, 9)}, 100.0)
    watch.observe({}, 110.0)
    assert watch.observe({P0: Extent(5, 9, 9, 9)}, 200.0) == {P0: 0.0}
