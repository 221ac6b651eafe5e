"""The memory of events: exact, bounded, and the same after a restart."""

from __future__ import annotations

import uuid

import polars as pl

from tidegate_stream.gate.seen import MARK_OFFSETS, Learnt, Seen, split_ids


def ids(*numbers: int, begin: int = 0) -> pl.DataFrame:
    """Ids at consecutive offsets."""
    texts = pl.Series([str(uuid.UUID(int=number)) for number in numbers], dtype=pl.String)
    return split_ids(texts, pl.Series(range(begin, begin + len(numbers)), dtype=pl.Int64))


def learnt(*numbers: int, begin: int = 0, since_ms: int = 0) -> Learnt:
    return Learnt(ids(*numbers, begin=begin), since_ms)


def test_an_id_is_no_duplicate_until_it_is_learnt() -> None:
    seen = Seen()
    assert seen.duplicates(ids(1, 2)).to_list() == [False, False]
    assert seen.duplicates(ids(1, 2)).to_list() == [False, False]
    seen.learn(learnt(1))
    assert seen.duplicates(ids(1, 2, begin=1)).to_list() == [True, False]


def test_the_second_of_a_chunk_is_a_duplicate_of_the_first() -> None:
    assert Seen().duplicates(ids(7, 8, 7)).to_list() == [False, False, True]


def test_ids_that_share_a_half_differ() -> None:
    seen = Seen(settle_ids=1)
    seen.learn(learnt(5 << 64 | 9))
    assert seen.duplicates(ids(5 << 64 | 9, 6 << 64 | 9, 5 << 64 | 8, begin=1)).to_list() == [True, False, False]


def test_settled_and_recent_ids_are_both_remembered() -> None:
    seen = Seen(settle_ids=3)
    for number in range(10):
        seen.learn(learnt(number, begin=number))
    assert seen.duplicates(ids(*range(12), begin=10)).to_list() == [True] * 10 + [False] * 2
    assert len(seen) == 10


def test_a_copy_counts_as_one_within_the_span_and_as_new_beyond_it() -> None:
    seen = Seen(span=3)
    seen.learn(learnt(1))
    assert seen.duplicates(ids(1, begin=2)).to_list() == [True]
    assert seen.duplicates(ids(1, begin=3)).to_list() == [False]


def test_a_copy_does_not_prolong_the_memory_of_its_event() -> None:
    assert Seen(span=3).duplicates(ids(1, 2, 1, 1)).to_list() == [False, False, True, False]


def test_memory_is_bounded_by_span_and_what_waits_to_be_settled() -> None:
    seen = Seen(span=100, settle_ids=10)
    for number in range(1000):
        seen.learn(learnt(number, begin=number))
        assert len(seen) <= 110


def test_the_horizon_tells_when_the_earliest_remembered_event_came() -> None:
    seen = Seen(span=2 * MARK_OFFSETS)
    for second in range(5):
        begin = second * MARK_OFFSETS
        assert (seen.horizon_ms is None) == (second <= 2)
        seen.learn(learnt(*range(begin, begin + MARK_OFFSETS), begin=begin, since_ms=second * 1000))
    assert seen.horizon_ms == 3000


def test_ids_are_found_in_any_case() -> None:
    text = "01A207CD-5327-7098-9AF5-36A3C7BD8758"
    seen = Seen.restore([Learnt(split_ids(pl.Series([text]), pl.Series([0])), 0)], complete=True)
    assert seen.duplicates(split_ids(pl.Series([text.lower()]), pl.Series([1]))).to_list() == [True]


def test_a_memory_whose_beginning_is_gone_says_since_when_it_knows() -> None:
    assert Seen.restore([learnt(1, since_ms=7000)], complete=False).horizon_ms == 7000
    assert Seen.restore([learnt(1, since_ms=7000)], complete=True).horizon_ms is None


def test_what_was_learnt_comes_back_from_its_bytes() -> None:
    for given in (learnt(2**128 - 1, 0, 5, begin=2**40, since_ms=1_700_000_000_000), learnt()):
        back = Learnt.decode(given.encode())
        assert back.since_ms == given.since_ms
        assert back.ids.equals(given.ids)
    sliced = learnt(1, 2, 3, 4).ids.filter(pl.Series([False, True, False, True]))[1:]
    assert Learnt.decode(Learnt(sliced, 1).encode()).ids.equals(sliced)
