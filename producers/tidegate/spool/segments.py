"""The files of a spool: segments that are appended to, and how far from the first one everything is done.

A home belongs to the process that holds the lock on its file `lock`; the system lets go of it when that process ends,
however it ends. Numbers of segments only rise, so a place in a spool is ordered by segment and position.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tidegate.errors import SpoolBusyError

SUFFIX = ".segment"
_DONE = struct.Struct("<QQI")


@dataclass(frozen=True, order=True)
class Place:
    """A record's frame: bytes `[begin, end)` of a segment."""

    segment: int
    begin: int
    end: int


class Segments:
    """Reads and writes a home's files; knows nothing of records. For one thread at a time.

    SpoolBusyError if another process has the home, OSError where the disk refuses. `synced`: a segment is on the
    medium, not only with the system, when the next one begins, and what `unsynced` gives tells how to bring the newest.
    """

    def __init__(self, home: Path, *, synced: bool = False) -> None:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._home, self._synced, self._named = home, synced, False
        self._lock = os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise SpoolBusyError(f"the spool {home} belongs to another process that runs") from error
        self._done = os.open(home / "done", os.O_RDWR | os.O_CREAT, 0o600)
        self._open = -1
        self.numbers = sorted(int(path.stem) for path in home.glob(f"*{SUFFIX}"))
        self.size = 0
        """Of the newest segment, in bytes, if it is open for appending."""

    def begin(self) -> int:
        """Open a new segment; later appends go there. Returns its number."""
        number = max(self.numbers[-1] if self.numbers else 0, self.done()[0]) + 1
        handle = os.open(self._path(number), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        if self._synced and self._open >= 0:
            os.fsync(self._open)
        self._finish()
        self._open, self.size, self._named = handle, 0, False
        self.numbers.append(number)
        return number

    def unsynced(self) -> Callable[[], None]:
        """What brings all that was appended to the medium; may be called while others append. Raises OSError."""
        handle, named = os.dup(self._open) if self._open >= 0 else -1, self._named
        self._named = True

        def sync() -> None:
            if handle >= 0:
                try:
                    os.fdatasync(handle)
                finally:
                    os.close(handle)
            if not named:
                _sync_folder(self._home)

        return sync

    def append(self, data: bytes) -> Place:
        """Write whole, or not at all: what a full disk cuts short is taken back. Once written, a kill can't undo it."""
        begin, left = self.size, memoryview(data)
        try:
            while left:
                left = left[os.write(self._open, left) :]
        except OSError:
            os.ftruncate(self._open, begin)
            raise
        self.size += len(data)
        return Place(self.numbers[-1], begin, self.size)

    def read(self, number: int, begin: int = 0, end: int | None = None) -> bytes:
        """Bytes of a segment."""
        with self._path(number).open("rb") as file:
            file.seek(begin)
            return file.read(-1 if end is None else end - begin)

    def modified(self, number: int) -> float:
        """When a segment was appended to last: seconds since the epoch."""
        return self._path(number).stat().st_mtime

    def length(self, number: int) -> int:
        """Of a segment, in bytes."""
        return self._path(number).stat().st_size

    def remove(self, number: int) -> None:
        """Delete a segment."""
        if number == self.numbers[-1]:
            self._finish()
        self._path(number).unlink(missing_ok=True)
        self.numbers.remove(number)

    def done(self) -> tuple[int, int]:
        """Segment and position before which everything is done; the beginning if it can't be read."""
        data = os.pread(self._done, _DONE.size, 0)
        if len(data) < _DONE.size:
            return 0, 0
        segment, position, check = _DONE.unpack(data)
        return (segment, position) if check == zlib.crc32(data[: -struct.calcsize("<I")]) else (0, 0)

    def mark_done(self, segment: int, position: int) -> None:
        """Remember how far everything is done."""
        data = _DONE.pack(segment, position, 0)[: -struct.calcsize("<I")]
        os.pwrite(self._done, data + zlib.crc32(data).to_bytes(4, "little"), 0)

    def close(self, *, remove: bool = False) -> None:
        """Let go of the home, and remove it if told to; it must have no segments then."""
        self._finish()
        if remove:
            # The lock's file goes last: whoever looks meanwhile finds it taken.
            for name in ("done", "lock"):
                (self._home / name).unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # another process has just made it its own
                self._home.rmdir()
        self._let_go()

    def abandon(self) -> None:
        """Close the files that a forked child has from its parent: the lock would outlive the parent in them."""
        self._finish()
        self._let_go()

    def _let_go(self) -> None:
        # A number that was closed is another file's soon: a second time has to be an error here, not there.
        handles, self._done, self._lock = (self._done, self._lock), -1, -1
        for handle in handles:
            os.close(handle)

    def _finish(self) -> None:
        if self._open >= 0:
            os.close(self._open)
            self._open = -1

    def _path(self, number: int) -> Path:
        return self._home / f"{number:012d}{SUFFIX}"


def _sync_folder(folder: Path) -> None:
    """A new file's name, and that of the folder that it is in, are entries of folders."""
    for each in (folder, folder.parent):
        handle = os.open(each, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
