"""De-duplication depends on the raw log alone: not on cuts, not on restarts."""

from __future__ import annotations

import uuid

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tidegate_stream.gate.seen import Learnt, Seen, split_ids

SPAN = 6


def frame(numbers: list[int], begin: int) -> pl.DataFrame:
    texts = pl.Series([str(uuid.UUID(int=number)) for number in numbers], dtype=pl.String)
    return split_ids(texts, pl.Series(range(begin, begin + len(numbers)), dtype=pl.Int64))


def one_by_one(numbers: list[int]) -> list[bool]:
    """The reference: a dictionary, one record at a time."""
    last: dict[int, int] = {}
    verdicts = []
    for offset, number in enumerate(numbers):
        copy = number in last and offset - last[number] < SPAN
        verdicts.append(copy)
        if not copy:
            last[number] = offset
    return verdicts


@given(
    st.lists(st.integers(0, 8), max_size=60),
    st.lists(st.tuples(st.integers(1, 20), st.booleans()), min_size=1, max_size=60),
    st.integers(1, 12),
)
def test_any_cuts_and_any_restarts_tell_what_one_pass_tells(
    numbers: list[int], steps: list[tuple[int, bool]], settle_ids: int
) -> None:
    seen, log, verdicts, begin, turn = Seen(SPAN, settle_ids), list[bytes](), list[bool](), 0, 0
    while begin < len(numbers):
        size, restart = steps[turn % len(steps)]
        turn += 1
        if restart:
            seen = Seen.restore(map(Learnt.decode, log), complete=True, span=SPAN)
        ids = frame(numbers[begin : begin + size], begin)
        found = seen.duplicates(ids)
        learnt = Learnt(ids.filter(~found), begin)
        log.append(learnt.encode())
        seen.learn(learnt)
        verdicts += found.to_list()
        begin += size
    assert verdicts == one_by_one(numbers)
