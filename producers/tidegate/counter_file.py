"""The file behind a producer's counter: its layout, its lock, and how another process reads it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import mmap
import os
import struct
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tidegate_schemas.numbers import spans

log = logging.getLogger(__name__)

SUFFIX = ".counter"
#: Words of 8 bytes. The machine's own byte order: a write is one store, and nobody reads the file elsewhere.
MAGIC, LAST, TIME = 0, 1, 2
_MAGIC = struct.unpack("=Q", b"tidegate")[0]
_NAME = 32
OUTSTANDING = 4096
"""Where the marks of outstanding numbers begin: one byte a number, in turn."""
RING_NUMBERS = 1 << 20


@dataclass(frozen=True)
class Ended:
    """What a producer that has ended left: its last number, when it gave that out (µs since the epoch), and the numbers
    that nobody had answered for, as pairs of first and last.
    """

    kind: str
    project: str
    producer_id: str
    last: int
    at_micros: int
    outstanding: list[int]


class CounterFile:
    """One producer's file, mapped and locked; the system gives the lock back however the process ends."""

    def __init__(self, path: Path, handle: int) -> None:
        self.path, self._handle = path, handle
        self.memory = mmap.mmap(handle, 0)

    @classmethod
    def create(cls, folder: Path, kind: str, project: str, producer_id: str, *, outstanding: bool) -> CounterFile:
        """A new one, locked before anyone can see it. Raises OSError, also for a disk without room."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        scratch = folder / f".{uuid.uuid4().hex}"
        handle = os.open(scratch, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:  # allocated, not merely long: to write a page that the disk has no room for would kill the process
            os.posix_fallocate(handle, 0, OUTSTANDING + (RING_NUMBERS if outstanding else 0))
        except OSError:
            scratch.unlink()
            os.close(handle)
            raise
        name = json.dumps({"kind": kind, "project": project, "producer_id": producer_id}).encode()
        os.pwrite(handle, struct.pack("=Q", _MAGIC), MAGIC * 8)
        os.pwrite(handle, struct.pack("=H", len(name)) + name, _NAME)
        path = folder / f"{producer_id.replace(':', '-')}{SUFFIX}"
        scratch.rename(path)
        return cls(path, handle)

    @classmethod
    def left(cls, folder: Path) -> Iterator[CounterFile]:
        """Those whose producers have ended, locked: nobody else has them meanwhile."""
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            with contextlib.suppress(FileNotFoundError):
                handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
                if not _locked(handle, path):
                    os.close(handle)
                    continue
                if os.fstat(handle).st_size < OUTSTANDING:
                    log.warning("%s is no counter and is removed: %d bytes", path.name, os.fstat(handle).st_size)
                    path.unlink()
                    os.close(handle)
                    continue
                yield cls(path, handle)

    def read(self) -> Ended | None:
        """What it says; None if it is damaged."""
        with memoryview(self.memory)[:OUTSTANDING] as memory, memory.cast("Q") as words:
            if words[MAGIC] != _MAGIC:
                return None
            last, at = words[LAST], words[TIME]
        try:
            (length,) = struct.unpack_from("=H", self.memory, _NAME)
            said = json.loads(self.memory[_NAME + 2 : _NAME + 2 + length])
            names = str(said["kind"]), str(said["project"]), str(said["producer_id"])
        except (ValueError, KeyError, TypeError):
            return None
        return Ended(*names, last, at, self._outstanding(last))

    def _outstanding(self, last: int) -> list[int]:
        size = len(self.memory) - OUTSTANDING
        marks, found, place = self.memory[OUTSTANDING:], [], -1
        while (place := marks.find(1, place + 1)) >= 0:
            number = last - (last - place) % size
            if number > 0:
                found.append(number)
        return spans(found)

    def close(self, *, remove: bool) -> None:
        """Let go of it."""
        if remove:
            with contextlib.suppress(FileNotFoundError):
                self.path.unlink()
        self.memory.close()
        handle, self._handle = self._handle, -1
        os.close(handle)


def _locked(handle: int, path: Path) -> bool:
    """Whether the lock was free, and the file is still the one of that name."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return path.stat().st_ino == os.fstat(handle).st_ino
    except (BlockingIOError, FileNotFoundError):
        return False
