"""Ids of earlier generations in a new generation's memory: found like its own, and forgotten by the same rule."""

from uuid import UUID

import polars as pl

from tidegate_stream.gate.inheritance import numbered
from tidegate_stream.gate.seen import Learnt, Seen, split_ids


def learnt(first: int, number: int, since_ms: int, begin: int = 0) -> Learnt:
    return Learnt(ids(first, number, begin), since_ms)


def ids(first: int, number: int, begin: int = 0) -> pl.DataFrame:
    texts = pl.Series([str(UUID(int=each << 64 | each)) for each in range(first, first + number)])
    return split_ids(texts, pl.Series(range(begin, begin + number)))


def test_they_are_numbered_up_to_minus_one() -> None:
    found = list(numbered([learnt(0, 3, 10, begin=700), learnt(3, 2, 20, begin=0)], 0))
    assert [each.ids["offset"].to_list() for each in found] == [[-5, -4, -3], [-2, -1]]
    assert [each.since_ms for each in found] == [10, 20]


def test_copies_are_found_and_new_events_are_not() -> None:
    seen = Seen.restore([*numbered([learnt(0, 10, 5, begin=900)], 0), learnt(50, 5, 9)], complete=True)
    assert seen.duplicates(ids(8, 4, begin=5)).to_list() == [True, True, False, False]
    assert seen.duplicates(ids(50, 1, begin=9)).to_list() == [True]
    assert seen.horizon_ms is None


def test_those_of_later_generations_count_as_just_seen() -> None:
    seen = Seen.restore([learnt(0, 5, 1, begin=95), *numbered([learnt(50, 3, 9)], 100)], complete=True, span=10)
    assert seen.duplicates(ids(50, 4, begin=101)).to_list() == [True, True, True, False]
    assert seen.duplicates(ids(4, 1, begin=101)).to_list() == [True]
    assert seen.duplicates(ids(4, 1, begin=109)).to_list() == [False]


def test_the_span_counts_them_and_the_new_partitions_offsets() -> None:
    seen = Seen.restore(numbered([learnt(0, 10, 5)], 0), complete=True, span=10)
    assert seen.duplicates(ids(0, 1, begin=0)).to_list() == [False]
    assert seen.duplicates(ids(1, 1, begin=0)).to_list() == [True]
    assert seen.duplicates(ids(1, 1, begin=1)).to_list() == [False]


def test_no_more_than_the_span_stays_in_memory() -> None:
    given = [learnt(number * 1_000, 1_000, number) for number in range(200)]
    seen = Seen.restore(numbered(given, 0), complete=True, span=60_000)
    assert len(seen) <= 60_000 + 50_000
    assert seen.horizon_ms == 140
