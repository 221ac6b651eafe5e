"""Logs of services, bounded in length and in age. A service holds its log open, so what is old is copied aside."""

import os
import shutil
from pathlib import Path

__all__ = ["LOG_DAYS", "bound_age", "bound_length", "last_line"]

LOG_DAYS = 30
"""No line is older: at most half of that in the log, then as long again in `NAME.log.1`."""
_BYTES = 16_000_000
_SHOWN_LETTERS = 200
_ASIDE_SECONDS = LOG_DAYS * 86_400 / 2


def bound_length(log: Path) -> None:
    """Move a log aside that has become long; only while no service has it open."""
    if log.exists() and log.stat().st_size > _BYTES:
        log.replace(_aside(log))


def bound_age(log: Path, now: float) -> None:
    """Copy a log aside, in place of what was there, and empty it, if that was last done 15 days ago.

    `now` in seconds since 1970. A service goes on writing to the same file: it appends.
    """
    aside = _aside(log)
    if not log.exists():
        return
    if not aside.exists():
        aside.touch()  # from now on its age is known
        os.utime(aside, (now, now))
    elif now - aside.stat().st_mtime >= _ASIDE_SECONDS:
        shutil.copyfile(log, aside)
        os.utime(aside, (now, now))
        os.truncate(log, 0)


def last_line(log: Path) -> str:
    """What a log ends with, shortened; `(nothing)` if it is empty or can't be read."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4096))
            lines = file.read().decode("utf-8", "replace").strip().splitlines()
    except OSError:  # whoever asks says what went wrong, and goes on
        return "(nothing)"
    return lines[-1][:_SHOWN_LETTERS] if lines else "(nothing)"


def _aside(log: Path) -> Path:
    return log.with_name(f"{log.name}.1")
