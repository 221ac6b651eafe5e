"""Where keys come from: a folder, a variable, or a command that asks a key management service."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tidegate_stream.gate.epochs import Rings, name_of, parse_name, rings_of
from tidegate_stream.gate.errors import KeyFileError
from tidegate_stream.gate.key_command import answer_of
from tidegate_stream.gate.key_files import destroy, ensure_secret, parse_key, read_secret

PREFIX, SUFFIX = "pseudonym-", ".key"
COMMAND_SECONDS = 10.0


class KeySource(Protocol):
    """Gives all keys there are. Raises KeyFileError, which never shows a key."""

    @property
    def refresh_seconds(self) -> float:
        """How often to look for new keys."""

    def read(self) -> Rings:
        """Every project's live keys."""


@dataclass(frozen=True)
class Folder:
    """One file a key, `pseudonym-NAME.key`, which only its owner may read. The only source that can be written to."""

    path: Path
    refresh_seconds: float = 60.0

    def read(self) -> Rings:
        """See `KeySource.read`."""
        files = sorted(self.path.glob(f"{PREFIX}*{SUFFIX}"))
        return rings_of([(*parse_name(file.name[len(PREFIX) : -len(SUFFIX)]), read_secret(file)) for file in files])

    def file(self, project: str, begins_at: int = 0) -> Path:
        """Where a key is or would be."""
        return self.path / f"{PREFIX}{name_of(project, begins_at)}{SUFFIX}"

    def add(self, project: str, begins_at: int = 0) -> None:
        """Make a key, unless there is one of that name."""
        ensure_secret(self.file(project, begins_at))

    def destroy(self, project: str, begins_at: int) -> None:
        """Overwrite and remove a key: what it made can't be linked any more."""
        destroy(self.file(project, begins_at))

    def made_at(self, project: str) -> int:
        """When the first key was written, in µs since 1970; 0 if it is no more."""
        file = self.file(project)
        return int(file.stat().st_mtime * 1e6) if file.exists() else 0


class Told(Protocol):
    """Keys as entries, `NAME=64 hexadecimal digits`, apart by spaces, `;` or lines."""

    @property
    def told_by(self) -> str:
        """Who gives them, for errors."""

    def entries(self, like: str) -> Sequence[tuple[str, bytes]]:
        """Names, which nobody has looked at yet, and keys; `like` is a name that could be there.

        Raises KeyFileError, which tells an entry by its number: what stands for a name may be a misplaced key.
        """


@dataclass(frozen=True)
class Text:
    """Entries as they were given, such as in a variable."""

    text: str = field(repr=False)
    told_by: str = "TIDEGATE_PSEUDONYM_KEYS"
    refresh_seconds: float = float("inf")

    def entries(self, like: str) -> Sequence[tuple[str, bytes]]:
        """See `Told.entries`."""
        found = []
        for number, entry in enumerate(re.split(r"[\s;]+", self.text.strip()), 1):
            name, equals, digits = entry.partition("=")
            if not equals:
                raise KeyFileError(
                    f"{self.told_by} must hold entries such as {like}=<64 hexadecimal digits>; number {number} is none"
                )
            found.append((name, parse_key(digits, f"{self.told_by}: entry {number}")))
        return found

    def read(self) -> Rings:
        """See `KeySource.read`."""
        return _rings(self)


@dataclass(frozen=True)
class Command:
    """A command line, run without a shell, that prints entries."""

    arguments: Sequence[str]
    timeout_seconds: float = COMMAND_SECONDS
    refresh_seconds: float = 3600.0

    @property
    def told_by(self) -> str:
        """See `Told.told_by`."""
        return f"the answer of the key command {Path(self.arguments[0]).name}"

    def entries(self, like: str) -> Sequence[tuple[str, bytes]]:
        """See `Told.entries`. Blocks up to the timeout."""
        answer = answer_of(self.arguments, self.timeout_seconds)
        return Text(answer.decode("ascii", "replace"), self.told_by).entries(like)

    def read(self) -> Rings:
        """See `KeySource.read`. Blocks up to the timeout."""
        return _rings(self)


def _rings(told: Told) -> Rings:
    """Entries as pseudonym keys of projects and epochs."""
    return rings_of([(*parse_name(name), key) for name, key in told.entries("default")])
