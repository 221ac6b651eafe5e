"""An agent flushes at every tick, and every few seconds while all that it takes is of a backlog."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any, cast

import pytest
from faust.types import TP
from tests.unit.stream.test_deadlines import Record

from tidegate_stream.transport.chunk import Chunk
from tidegate_stream.transport.pace import BACKLOG_OFFSETS, BACKLOG_SECONDS, Pace
from tidegate_stream.transport.thread import ChunkConsumerThread

TRACK = TP("clean.track", 0)


def chunk(behind: int = BACKLOG_OFFSETS, age_seconds: float = BACKLOG_SECONDS, partition: int = 0) -> Chunk:
    return Chunk("clean.track", partition, 0, 1, [Record(0)], behind, age_seconds)


def dues(pace: Pace, number: int, *chunks: Chunk) -> list[bool]:
    """What so many ticks say, before each of which these chunks come."""
    said = []
    for _ in range(number):
        for each in chunks:
            pace.took(each)
        said.append(pace.due())
    return said


def test_with_nothing_to_do_every_tick_is_due() -> None:
    assert dues(Pace(1.0), 3) == [True] * 3


@pytest.mark.parametrize("fresh", [chunk(behind=BACKLOG_OFFSETS - 1), chunk(age_seconds=4.9)])
def test_so_it_is_with_few_records_behind_and_with_ones_that_are_not_late(fresh: Chunk) -> None:
    assert dues(Pace(1.0), 3, fresh) == [True] * 3


def test_in_a_backlog_every_fifth_second_is_due() -> None:
    assert dues(Pace(1.0), 10, chunk()) == ([False] * 4 + [True]) * 2
    assert dues(Pace(2.5), 4, chunk()) == [False, True] * 2


def test_a_pause_that_is_that_long_gets_no_longer() -> None:
    assert dues(Pace(10.0), 3, chunk()) == [True] * 3


def test_a_partition_that_keeps_up_is_not_kept_waiting_by_one_that_does_not() -> None:
    assert dues(Pace(1.0), 3, chunk(), chunk(behind=0, partition=1)) == [True] * 3
    assert dues(Pace(1.0), 3, chunk(behind=0, partition=1), chunk()) == [True] * 3


def test_the_first_tick_after_a_backlog_is_due_and_one_without_news_waits_no_longer_than_before() -> None:
    pace = Pace(1.0)
    pace.took(chunk())
    assert not pace.due()
    pace.took(chunk(behind=0))
    assert pace.due()
    pace.took(chunk())
    assert dues(pace, 5) == [False] * 4 + [True]


@pytest.mark.parametrize(("highwater", "behind"), [(None, 0), (2, 0), (1, 0), (90_002, 90_000)])
def test_a_chunk_says_how_much_the_broker_had_behind_it_and_how_old_its_end_is(
    highwater: int | None, behind: int
) -> None:
    consumer = SimpleNamespace(highwater=lambda _: highwater)
    app = SimpleNamespace(chunked_topics={TRACK.topic})
    thread = SimpleNamespace(app=app, epoch=1, _reached={TRACK: 0}, _ensure_consumer=lambda: consumer)
    minute_ago = round((time.time() - 60) * 1000)
    (packed,) = ChunkConsumerThread._pack(cast("Any", thread), TRACK, [Record(0), Record(1, minute_ago)])
    assert (packed.value.start, packed.value.end, packed.value.behind) == (0, 2, behind)
    assert 59 <= packed.value.age_seconds < 120
    assert thread._reached == {TRACK: 2}
