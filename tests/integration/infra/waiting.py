"""Waiting for a state of another process, with a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def wait_until(attempt: Callable[[], Result], seconds: float, what: str) -> Result:
    """The first result that is true; AssertionError saying `what` if none came in time."""
    deadline = time.monotonic() + seconds
    while not (result := attempt()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} after {seconds} s")
        time.sleep(0.1)
    return result
