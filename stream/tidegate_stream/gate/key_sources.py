"""Where pseudonym keys come from: a folder, a variable, or a command that asks a key management service."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tidegate_stream.gate.epochs import Rings, name_of, parse_name, rings_of
from tidegate_stream.gate.errors import KeyFileError
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


@dataclass(frozen=True)
class Text:
    """Keys as they were given, such as in a variable: `NAME=64 hexadecimal digits`, apart by spaces, `;` or lines."""

    text: str = field(repr=False)
    told_by: str = "TIDEGATE_PSEUDONYM_KEYS"
    refresh_seconds: float = float("inf")

    def read(self) -> Rings:
        """See `KeySource.read`."""
        keys = []
        for entry in re.split(r"[\s;]+", self.text.strip()):
            name, equals, digits = entry.partition("=")
            if not equals:
                raise KeyFileError(f"{self.told_by} must hold entries such as default=<64 hexadecimal digits>")
            project, begins_at = parse_name(name)
            keys.append((project, begins_at, parse_key(digits, f"{self.told_by}: {name_of(project, begins_at)}")))
        return rings_of(keys)


@dataclass(frozen=True)
class Command:
    """A command line, run without a shell, that prints what `Text` reads. What it says on errors is not repeated."""

    arguments: Sequence[str]
    timeout_seconds: float = COMMAND_SECONDS
    refresh_seconds: float = 3600.0

    def read(self) -> Rings:
        """See `KeySource.read`. Blocks up to the timeout."""
        name = Path(self.arguments[0]).name
        try:
            done = subprocess.run(  # noqa: S603 - the operator's own command
                list(self.arguments),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=self.timeout_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            # Not chained: the exception holds what the command has printed so far.
            raise KeyFileError(f"the key command {name} gave no answer within {self.timeout_seconds:g} s") from None
        except OSError as error:
            raise KeyFileError(f"the key command {name} can't be run: {error.strerror}") from None
        if done.returncode:
            raise KeyFileError(
                f"the key command {name} ended with status {done.returncode}. Run it by hand to see what it says: "
                "that may hold keys, so it isn't shown here"
            )
        return Text(done.stdout.decode("ascii", "replace"), f"the answer of the key command {name}").read()
