"""Waiting for a state of another process, with a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def wait_until(attempt: Callable[[], Result], seconds: float, what: str) -> Result:
    """The first result that is true; AssertionError saying `what` if none came in time."""
    result = comes_true(attempt, seconds)
    assert result, f"{what} after {seconds} s"
    return result


def comes_true(attempt: Callable[[], Result], seconds: float) -> Result:
    """The first result that is true, or the last one, which isn't, when time is up."""
    deadline = time.monotonic() + seconds
    while not (result := attempt()) and time.monotonic() <= deadline:
        time.sleep(0.1)
    return result
