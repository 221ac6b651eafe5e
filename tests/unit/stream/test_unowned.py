"""An agent that is given records of a partition that it doesn't own says what is wrong, and folds nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.unit.stream.test_deadlines import Place, Record, Sink

from tidegate_stream.errors import NotRecoveredError
from tidegate_stream.folds import Usage
from tidegate_stream.state.agent import FoldAgent, Source
from tidegate_stream.state.table import DeltaTable
from tidegate_stream.transport.app import ChunkApp
from tidegate_stream.transport.chunk import Chunk


async def test_records_of_a_partition_whose_changelog_was_not_assigned_end_the_worker_with_a_reason() -> None:
    def decode(_: Chunk) -> Any:
        raise AssertionError("it was decoded all the same")

    table = cast("DeltaTable", SimpleNamespace())
    agent = FoldAgent(cast("ChunkApp", Place()), Source("clean.track", 1, decode), Usage(), table, Sink(answers=True))
    with pytest.raises(NotRecoveredError, match=r"agent usage\.track was given records of clean\.track/1 without its"):
        await agent.add(Chunk("clean.track", 1, 0, 1, [Record(0)]))
