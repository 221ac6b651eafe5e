"""Records on their way into a chunk are the parser's own; all others are what aiokafka's users know."""

from typing import Any

import pytest
from aiokafka.consumer.fetcher import FetchError, FetchResult, PartitionRecords
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import ConsumerRecord
from faust.types import TP

from tidegate_stream.transport.chunk import Chunk
from tidegate_stream.transport.thread import _Fetched

CHUNKED, PLAIN = TP("raw.span", 0), TP("changelog", 0)


class Owned:
    """An assignment whose partitions stand at the beginning, and take any position."""

    active, paused, position = True, False, 0

    def state_value(self, _tp: TP) -> Any:
        """Of any partition."""
        return self

    def consumed_to(self, position: int) -> None:
        """Note the position."""
        self.position = position


def fetched(tp: TP) -> FetchResult:
    batch = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 20)
    batch.append(0, 1_700_000_000_000, b"key", b"value", [("trace", b"1")])
    batch.append(1, 1_700_000_000_001, None, None, [])
    records = PartitionRecords(tp, MemoryRecords(bytes(batch.build())), [], 0, None, None, True, 1)
    return FetchResult(tp, assignment=Owned(), partition_records=records, backoff=0)


def test_a_chunk_has_all_it_needs_of_the_parsers_records() -> None:
    waiting = _Fetched({CHUNKED.topic})
    waiting[CHUNKED] = fetched(CHUNKED)
    records = waiting[CHUNKED].getall(10)
    assert not any(isinstance(record, ConsumerRecord) for record in records)
    chunk = Chunk(*CHUNKED, 0, 1, records)
    assert (chunk.offsets, chunk.values) == ([0, 1], [b"value", b""])
    assert chunk.timestamps == [1_700_000_000_000, 1_700_000_000_001]
    assert [(record.key, list(record.headers)) for record in records] == [(b"key", [("trace", b"1")]), (None, [])]


def test_other_topics_and_errors_are_left_alone() -> None:
    waiting = _Fetched({CHUNKED.topic})
    waiting[PLAIN], waiting[CHUNKED] = fetched(PLAIN), FetchError(error=ValueError("corrupt"), backoff=0)
    assert [record.offset for record in waiting[PLAIN].getall(10) if isinstance(record, ConsumerRecord)] == [0, 1]
    with pytest.raises(ValueError, match="corrupt"):
        waiting[CHUNKED].check_raise()
