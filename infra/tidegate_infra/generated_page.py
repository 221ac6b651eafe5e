"""Pages of the docs that a command writes, so that they can't go stale: `python -m MODULE [--check] PATH`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

__all__ = ["keep"]


def keep(arguments: Sequence[str], render: Callable[[], str], module: str) -> int:
    """Write the page, or with --check say whether it is current; an exit code, 1 if it isn't."""
    path = Path(arguments[-1])
    if "--check" not in arguments:
        path.write_text(render(), encoding="utf-8")
        return 0
    if path.exists() and path.read_text(encoding="utf-8") == render():
        return 0
    sys.stderr.write(f"{path} isn't current: run python -m {module} {path}\n")
    return 1
