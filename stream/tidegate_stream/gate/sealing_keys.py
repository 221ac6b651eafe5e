"""The gate's private keys for what edges seal: files of a folder, or entries that a variable or a command gives."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tidegate_stream.gate.errors import KeyFileError
from tidegate_stream.gate.key_files import read_secret
from tidegate_stream.gate.key_sources import Told

SealingKeys = Callable[[], Sequence[bytes]]
"""Gives the X25519 private keys (32 bytes each) that open data keys. Raises KeyFileError."""
CURRENT = "sealing"
"""Name of the key that edges seal for; earlier ones are `sealing-…`."""
READ_AGAIN_SECONDS = 60.0
_NAME = re.compile(r"sealing(-[A-Za-z0-9_]{1,32})?\Z")
_log = logging.getLogger(__name__)


def no_keys() -> Sequence[bytes]:
    """Where nothing is sealed."""
    return ()


def folder_keys(folder: Path) -> SealingKeys:
    """The keys in `sealing.key` and `sealing-*.key` of a folder; none if there are no such files."""
    return lambda: [read_secret(path) for path in sorted(folder.glob("sealing*.key"))]


def named_keys(source: Told) -> Mapping[str, bytes]:
    """Keys by name, as a variable or a command gives them. Raises KeyFileError, which shows neither."""
    keys: dict[str, bytes] = {}
    for name, key in source.entries(CURRENT):
        if not _NAME.match(name) or name in keys:
            raise KeyFileError(
                f"{source.told_by}: sealing keys are called {CURRENT} and, each once, {CURRENT}-1, {CURRENT}-2, …"
            )
        keys[name] = key
    if CURRENT not in keys:
        raise KeyFileError(f"{source.told_by} must hold the key that edges seal for: {CURRENT}=<64 hexadecimal digits>")
    return keys


class ToldKeys:
    """Keys of a variable or a command, for all openers of a process. It is asked again at most once a minute.

    The first call raises KeyFileError. Later on what was known stays, and the log says why nothing newer is.
    """

    def __init__(self, source: Told, clock: Callable[[], float] = time.monotonic) -> None:
        self._source, self._clock = source, clock
        self._keys: Sequence[bytes] = ()
        self._read_at = float("-inf")
        self._reading = threading.Lock()

    def __call__(self) -> Sequence[bytes]:
        """See `SealingKeys`. Blocks for as long as a command may take."""
        with self._reading:
            if self._clock() - self._read_at < READ_AGAIN_SECONDS:
                return self._keys
            try:
                self._keys = list(named_keys(self._source).values())
            except KeyFileError as error:
                if not self._keys:
                    raise
                _log.error("went on with the sealing keys that are known: %s", error)
            self._read_at = self._clock()  # after a command's own time
            return self._keys
