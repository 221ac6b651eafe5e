"""An agent flushes at every tick, or at every fifth while much waits behind its chunks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from faust.types import TP
from tests.unit.stream.test_deadlines import Record

from tidegate_stream.transport.chunk import Chunk
from tidegate_stream.transport.pace import BACKLOG_RECORDS, BACKLOG_TICKS, Pace
from tidegate_stream.transport.positions import Positions
from tidegate_stream.transport.thread import ChunkConsumerThread

TRACK = TP("clean.track", 0)


def test_without_a_backlog_every_tick_is_due() -> None:
    pace = Pace()
    assert [pace.due(behind) for behind in (0, 0, BACKLOG_RECORDS - 1)] == [True] * 3


def test_with_one_every_fifth_is_due_and_the_first_after_it() -> None:
    pace = Pace()
    assert [pace.due(BACKLOG_RECORDS) for _ in range(2 * BACKLOG_TICKS)] == ([False] * 4 + [True]) * 2
    assert not pace.due(BACKLOG_RECORDS)
    assert pace.due(0)


def test_the_partition_that_is_furthest_behind_counts_until_positions_begin_anew() -> None:
    positions = Positions("archive.track")
    assert positions.behind == 0
    for partition, behind in ((0, 50_000), (1, 7), (0, 30_000)):
        start = 0 if behind != 30_000 else 1
        chunk = Chunk("clean.track", partition, start, 1, [Record(start)], behind)
        positions.follow(chunk, lambda: 0)
    assert positions.behind == 30_000
    positions.restart()
    assert positions.behind == 0


@pytest.mark.parametrize(("highwater", "behind"), [(None, 0), (2, 0), (1, 0), (90_002, 90_000)])
def test_a_chunk_says_how_much_the_broker_had_behind_it(highwater: int | None, behind: int) -> None:
    consumer = SimpleNamespace(highwater=lambda _: highwater)
    app = SimpleNamespace(chunked_topics={TRACK.topic})
    thread = SimpleNamespace(app=app, epoch=1, _reached={TRACK: 0}, _ensure_consumer=lambda: consumer)
    (packed,) = ChunkConsumerThread._pack(cast("Any", thread), TRACK, [Record(0), Record(1)])
    assert (packed.value.start, packed.value.end, packed.value.behind) == (0, 2, behind)
    assert thread._reached == {TRACK: 2}
