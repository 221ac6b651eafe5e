"""Die or raise at a named point: `TIDEGATE_FAILPOINT=name:hit[:raise]`. A test's way to crash a worker exactly there.

Off, a failpoint costs one comparison with an empty string.
"""

from __future__ import annotations

import os
import signal


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
