"""Who looks after keys and salts: reads them again, makes the next epoch's, destroys those whose time has passed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping

from tidegate_stream.gate.epochs import MICROS, Schedule, is_due, name_of, next_begin, outlived
from tidegate_stream.gate.errors import KeyFileError
from tidegate_stream.gate.key_sources import Folder
from tidegate_stream.gate.keys import DirectoryKeys
from tidegate_stream.gate.salts import FolderSalts

log = logging.getLogger(__name__)

PAUSE_SECONDS = 30.0


class Custodian:
    """Looks after one worker's keys; several workers may do so at once. `clock` gives seconds since 1970."""

    def __init__(self, keys: DirectoryKeys, schedule: Schedule, clock: Callable[[], float] = time.time) -> None:
        self._keys, self._schedule, self._clock = keys, schedule, clock

    def look(self) -> None:
        """Do what is due. Raises KeyFileError or OSError; what was known before stays in use."""
        if isinstance(self._keys.salts, FolderSalts):
            for day in self._keys.salts.destroy_old():
                log.info("destroyed the salt of %s", time.strftime("%Y-%m-%d", time.gmtime(day * 86_400)))
        source = self._keys.source
        if isinstance(source, Folder):
            self._destroy_outlived(source)
            self._make_due(source)
        if self._keys.is_stale():
            self._keys.refresh()

    def _destroy_outlived(self, folder: Folder) -> None:
        for project, epochs in self._keys.rings.items():
            for epoch in outlived(epochs, self._schedule, self._now()):
                folder.destroy(project, epoch.begins_at)
                log.warning("destroyed pseudonym key %s: its overlap is over", name_of(project, epoch.begins_at))
                self._keys.refresh()

    def _make_due(self, folder: Folder) -> None:
        if self._due(folder):
            self._keys.refresh()  # another worker may have made it meanwhile
            if due := self._due(folder):
                rotate(self._keys, self._now(), due)

    def _due(self, folder: Folder) -> list[str]:
        rings, now = self._keys.rings, self._now()
        return [name for name, each in rings.items() if is_due(each, folder.made_at(name), self._schedule, now)]

    def _now(self) -> int:
        return int(self._clock() * MICROS)

    def run(self, stop: threading.Event, told: Callable[[float], None], pause_seconds: float = PAUSE_SECONDS) -> None:
        """Look again and again until `stop` is set; `told` is given the time of each look that went well."""
        while True:
            try:
                self.look()
                told(self._clock())
            except (KeyFileError, OSError) as error:
                log.error("keys and salts could not be looked after: %s", error)
            if stop.wait(pause_seconds):
                return


def rotate(keys: DirectoryKeys, now: int, projects: list[str] | None = None) -> Mapping[str, int]:
    """Make the next key of each project (all that have one), and say when each begins, in µs since 1970.

    `now` is in µs since 1970. A project whose next key is made already keeps that. Raises KeyFileError if keys don't
    come from a folder.
    """
    source = keys.source
    if not isinstance(source, Folder):
        raise KeyFileError(
            "keys that come from a variable or a command can't be made here: add an entry of the form "
            f"default@{name_of('x', next_begin(now)).partition('@')[2]}=<64 hexadecimal digits> there "
            "(openssl rand -hex 32), with a begin by which every worker has read it (docs/keys.md)"
        )
    begins: dict[str, int] = {}
    for project in projects or sorted(keys.rings):
        newest = keys.rings[project][-1].begins_at
        begins[project] = newest if newest > now else next_begin(now)
        source.add(project, begins[project])
        if newest <= now:
            log.info("made pseudonym key %s", name_of(project, begins[project]))
    keys.refresh()
    return begins
