"""Die or raise at a named point: `TIDEGATE_FAILPOINT=name:hit[:raise]`. A test's way to crash a worker exactly there.

Off, a failpoint costs one comparison with an empty string, and a crossing one more call.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


class FailpointError(RuntimeError):
    """Raised at a failpoint that was told to raise."""


class _Plan:
    def __init__(self, text: str) -> None:
        self.name, _, rest = text.partition(":")
        hit, _, kind = rest.partition(":")
        self.left = int(hit or 1)
        self.raises = kind == "raise"


_plan = _Plan(os.environ.get("TIDEGATE_FAILPOINT", ""))


def failpoint(name: str) -> None:
    """End the process here by SIGKILL (or raise) if the environment asked for it at this hit."""
    if name != _plan.name:
        return
    _plan.left -= 1
    if _plan.left == 0:
        if _plan.raises:
            raise FailpointError(f"failpoint {name}")
        os.kill(os.getpid(), signal.SIGKILL)


def crossing(name: str, waited_for: Awaitable[T]) -> Awaitable[T]:
    """What is awaited between fetch and commit, with the failpoints `<name>.before` and `<name>.after` around it.

    A test holds that nothing else is awaited there.
    """
    return _crossed(name, waited_for) if _plan.name else waited_for


async def _crossed(name: str, waited_for: Awaitable[T]) -> T:
    failpoint(f"{name}.before")
    result = await waited_for
    failpoint(f"{name}.after")
    return result
