"""The memory of events: exact, bounded, restored."""

from __future__ import annotations

import uuid

import polars as pl

from tidegate_stream.gate.seen import Learnt, Seen, split_ids


def ids(*numbers: int, received_at: int = 0) -> pl.DataFrame:
    texts = pl.Series([str(uuid.UUID(int=number)) for number in numbers], dtype=pl.String)
    return split_ids(texts, pl.repeat(received_at, len(numbers), dtype=pl.Int64, eager=True))


def test_an_id_is_no_duplicate_until_it_is_learnt() -> None:
    seen = Seen()
    assert seen.duplicates(ids(1, 2)).to_list() == [False, False]
    assert seen.duplicates(ids(1, 2)).to_list() == [False, False]
    seen.learn(Learnt(ids(1)))
    assert seen.duplicates(ids(1, 2)).to_list() == [True, False]


def test_the_second_of_a_chunk_is_a_duplicate_of_the_first() -> None:
    assert Seen().duplicates(ids(7, 8, 7)).to_list() == [False, False, True]


def test_ids_that_share_a_half_differ() -> None:
    seen = Seen(settle_ids=1)
    seen.learn(Learnt(ids(5 << 64 | 9)))
    assert seen.duplicates(ids(5 << 64 | 9, 6 << 64 | 9, 5 << 64 | 8)).to_list() == [True, False, False]


def test_settled_and_recent_ids_are_both_remembered() -> None:
    seen = Seen(settle_ids=3)
    for number in range(10):
        seen.learn(Learnt(ids(number)))
    assert seen.duplicates(ids(*range(12))).to_list() == [True] * 10 + [False] * 2
    assert len(seen) == 10


def test_over_the_bound_the_oldest_are_forgotten_and_the_horizon_says_so() -> None:
    seen = Seen(max_ids=3, settle_ids=100)
    assert seen.horizon is None
    for number in range(5):
        seen.learn(Learnt(ids(number, received_at=1000 * number)))
    assert len(seen) == 3
    assert seen.horizon == 1001
    assert seen.duplicates(ids(0, 1, 2, 3, 4)).to_list() == [False, False, True, True, True]


def test_no_instant_is_half_forgotten() -> None:
    seen = Seen(max_ids=2)
    seen.learn(Learnt(ids(1, 2, 3, received_at=5)))
    assert (len(seen), seen.horizon) == (0, 6)


def test_it_is_restored_from_texts_in_any_case() -> None:
    text = "01A207CD-5327-7098-9AF5-36A3C7BD8758"
    seen = Seen.restore(pl.Series([text]), pl.Series([0]))
    assert seen.duplicates(split_ids(pl.Series([text.lower()]), pl.Series([1]))).to_list() == [True]


def test_a_memory_restored_from_a_tail_says_how_far_it_reaches() -> None:
    text = "01a207cd-5327-7098-9af5-36a3c7bd8758"
    seen = Seen.restore(pl.Series([text]), pl.Series([7000]), max_ids=2, horizon=5000)
    assert seen.horizon == 5000
    seen.learn(Learnt(ids(1, 2, received_at=9000)))
    assert seen.horizon == 7001
