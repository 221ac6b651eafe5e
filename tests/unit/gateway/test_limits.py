"""A token bucket for each write key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate_gateway.limits import Limiter, Rate


class Clock:
    """Stands still unless told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def limiter(rate: float, burst: float) -> tuple[Limiter, Clock]:
    clock = Clock()
    return Limiter(Rate(rate, burst), clock), clock


def test_a_burst_is_taken_and_what_follows_waits_for_the_rate() -> None:
    bucket, clock = limiter(10, 5)
    assert [bucket.take("a", 1) > 0 for _ in range(6)] == [False] * 5 + [True]
    clock.now += 0.11
    assert bucket.take("a", 1) == 0


def test_a_batch_larger_than_the_burst_is_taken_and_its_debt_waited_for() -> None:
    bucket, clock = limiter(10, 5)
    assert bucket.take("a", 105) == 0
    assert bucket.take("a", 1) == pytest.approx(10.1)
    clock.now += 10.0
    assert bucket.take("a", 1) > 0
    clock.now += 0.2
    assert bucket.take("a", 1) == 0


def test_one_key_takes_nothing_from_another() -> None:
    bucket, _ = limiter(10, 5)
    bucket.take("flood", 1_000_000)
    assert bucket.take("flood", 1) > 0
    assert bucket.take("quiet", 5) == 0


def test_a_quiet_time_saves_no_more_than_the_burst() -> None:
    bucket, clock = limiter(10, 5)
    clock.now += 1_000_000
    assert [bucket.take("a", 1) > 0 for _ in range(6)] == [False] * 5 + [True]


def test_asking_takes_nothing() -> None:
    bucket, _ = limiter(10, 1)
    assert [bucket.wait_seconds("a") for _ in range(3)] == [0, 0, 0]
    assert bucket.take("a", 1) == 0
    assert bucket.wait_seconds("a") > 0


def test_no_rate_is_no_limit() -> None:
    bucket, _ = limiter(0, 1)
    assert [bucket.take("a", 1_000_000) for _ in range(3)] == [0, 0, 0]


@given(
    steps=st.lists(st.tuples(st.floats(0, 3), st.integers(1, 40)), max_size=60),
    rate=st.floats(0.5, 50),
    burst=st.integers(1, 30),
)
def test_no_more_is_taken_than_burst_rate_and_one_request(
    steps: list[tuple[float, int]], rate: float, burst: int
) -> None:
    bucket, clock = limiter(rate, burst)
    began, taken = clock.now, 0
    for pause, events in steps:
        clock.now += pause
        if bucket.take("a", events) == 0:
            taken += events
    assert taken <= burst + rate * (clock.now - began) + 40


@given(events=st.integers(1, 10_000), rate=st.floats(0.5, 1000))
def test_who_waits_as_long_as_told_is_taken(events: int, rate: float) -> None:
    bucket, clock = limiter(rate, 1)
    bucket.take("a", events)
    clock.now += bucket.wait_seconds("a") + 1e-6
    assert bucket.take("a", 1) == 0
