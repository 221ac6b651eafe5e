"""Salts of days: random, shared by the workers, destroyed when 48 hours have passed since the day began (UTC).

A visitor without consent is a hash with the day's salt. Once that is gone nobody can tell who it was, whatever else
they hold: it is derived from nothing. So it is never sent anywhere, and lies in a folder that is best kept in memory.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from tidegate_stream.gate.errors import KeyFileError
from tidegate_stream.gate.key_files import destroy, ensure_secret, read_secret, refuse_loose

DAY_SECONDS = 86_400
LIFE_SECONDS = 2 * DAY_SECONDS
AHEAD_SECONDS = 300
"""A day's salt may be made so long before the day begins: clocks at the edges differ from ours."""

_NAME = re.compile(r"salt-(\d{1,7})\Z")


class Salts(Protocol):
    """Gives the salt of a day."""

    def salt(self, day: int) -> bytes | None:
        """32 bytes for a day (number of days since 1970, UTC); None before its time and after it was destroyed."""


class MemorySalts:
    """Salts held in memory."""

    def __init__(self, salts: Mapping[int, bytes]) -> None:
        self._salts = dict(salts)

    def salt(self, day: int) -> bytes | None:
        """See `Salts.salt`."""
        return self._salts.get(day)


class FolderSalts:
    """One file a day, `salt-DAY`, made by whoever needs it first. Raises KeyFileError if others can look in.

    `clock` gives seconds since 1970. A salt isn't given once its time has passed, destroyed or not.
    """

    def __init__(self, directory: Path, clock: Callable[[], float]) -> None:
        self.directory, self._clock = directory, clock
        self._known: dict[int, bytes] = {}

    def salt(self, day: int) -> bytes | None:
        """See `Salts.salt`."""
        if not day * DAY_SECONDS - AHEAD_SECONDS <= self._clock() < day * DAY_SECONDS + LIFE_SECONDS:
            return None
        if day not in self._known:
            self._known[day] = self._read(self.directory / f"salt-{day}")
        return self._known[day]

    def _read(self, path: Path) -> bytes:
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            if self.directory.is_symlink() or not self.directory.is_dir():
                raise KeyFileError(f"the salts' folder {self.directory} must be a folder, not a link or a file")
            refuse_loose(self.directory)
            ensure_secret(path)
        except OSError as error:
            raise KeyFileError(
                f"the salts' folder {self.directory} can't be used ({error.strerror}). Fix: set TIDEGATE_SALTS_DIR to "
                "a folder that is ours alone"
            ) from error
        return read_secret(path)

    def destroy_old(self) -> list[int]:
        """Forget salts whose time has passed, and overwrite and remove their files; returns their days."""
        old = sorted(day for day in {*self._known, *self.days()} if self._clock() >= day * DAY_SECONDS + LIFE_SECONDS)
        for day in old:
            self._known.pop(day, None)
            destroy(self.directory / f"salt-{day}")
        return old

    def days(self) -> list[int]:
        """Days whose salt lies in the folder, unfinished ones too."""
        names: list[str] = []
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            names = [path.name for path in self.directory.iterdir()]
        return sorted(int(found[1]) for name in names if (found := _NAME.match(name)))
