"""A look through files for what should not be in any: what an erasure is proved by, on the machine that holds the data."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Scanned", "scan"]


@dataclass(frozen=True)
class Scanned:
    """How much was looked through, and in which files (relative to the folder) something was found."""

    bytes: int
    files: tuple[str, ...]

    def stores(self) -> dict[str, int]:
        """Number of those files by the folder's own parts."""
        parts = [file.split("/", 1)[0] for file in self.files]
        return {part: parts.count(part) for part in sorted(set(parts))}


def scan(folder: Path, words: Sequence[bytes]) -> Scanned:
    """Look for words, byte by byte, in every file below a folder; one that goes meanwhile is no find."""
    size, found = 0, []
    for path in sorted(folder.rglob("*")):
        try:
            if path.is_symlink() or not path.is_file() or not (length := path.stat().st_size):
                continue
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                size += length
                if any(content.find(word) >= 0 for word in words):
                    found.append(path.relative_to(folder).as_posix())
        except (FileNotFoundError, ValueError):  # gone, or empty by now
            continue
    return Scanned(size, tuple(found))
