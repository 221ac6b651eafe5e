"""Keys of the gate: for pseudonyms by project and epoch, salts of days, a public one that seals dead letters."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

from nacl.public import PrivateKey, PublicKey, SealedBox

from tidegate_stream.gate.epochs import EpochKey, Epochs, Rings
from tidegate_stream.gate.key_files import read_public, read_secret
from tidegate_stream.gate.key_sources import Folder, KeySource
from tidegate_stream.gate.pseudonyms import pseudonym_of
from tidegate_stream.gate.salts import FolderSalts, MemorySalts, Salts


class Keys(Protocol):
    """Where the gate finds its keys."""

    def epochs(self, project: str) -> Epochs:
        """The project's live keys, oldest first; none for an unknown one. The same object until they change."""

    def every_pseudonym(self, project: str, value: str) -> list[str]:
        """What an id is called in each live epoch, oldest first; none if there is no such project."""

    @property
    def salts(self) -> Salts:
        """What visitors without consent are hashed with."""

    @property
    def dead_letter_key(self) -> bytes:
        """X25519 public key (32 bytes)."""


class DirectoryKeys:
    """Keys of a folder: `dead-letters.pub`, and pseudonym keys unless another source is given.

    Projects may be added while the gate runs; keys of the projects in `ensured` are made if they are missing. Without
    `dead-letters.pub` the public key is derived from the private one in `dead-letters`. Raises KeyFileError.
    """

    def __init__(
        self,
        directory: Path,
        ensured: Iterable[str] = (),
        *,
        source: KeySource | None = None,
        salts: Salts | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        folder = Folder(directory)
        known = folder.read() if ensured else {}
        for project in ensured:
            if project not in known:
                folder.add(project)
        self.source: KeySource = source or folder
        self._clock = clock
        self._salts = salts or FolderSalts(directory / "salts", clock)
        self._dead_letter_key = _dead_letter_key(directory)
        self._rings: Rings = {}
        self._read_at = 0.0
        self.refresh()

    def refresh(self) -> None:
        """Read the source again. Raises KeyFileError, and then what was known stays."""
        rings = self.source.read()
        # A ring that is as it was stays the same object: whoever remembers pseudonyms looks at that.
        self._rings = {name: old if (old := self._rings.get(name)) == ring else ring for name, ring in rings.items()}
        self._read_at = self._clock()

    def is_stale(self) -> bool:
        """Whether it is time to read the source again."""
        return self._clock() >= self._read_at + self.source.refresh_seconds

    def epochs(self, project: str) -> Epochs:
        """See `Keys.epochs`."""
        if project not in self._rings and isinstance(self.source, Folder):
            self.refresh()
        return self._rings.get(project, ())

    def every_pseudonym(self, project: str, value: str) -> list[str]:
        """See `Keys.every_pseudonym`."""
        return [pseudonym_of(epoch.key, value) for epoch in self.epochs(project)]

    @property
    def rings(self) -> Rings:
        """Every project's live keys."""
        return self._rings

    @property
    def salts(self) -> Salts:
        """See `Keys.salts`."""
        return self._salts

    @property
    def dead_letter_key(self) -> bytes:
        """See `Keys.dead_letter_key`."""
        return self._dead_letter_key


class MemoryKeys:
    """Keys held in memory: one key a project, or its epochs."""

    def __init__(
        self,
        pseudonym_keys: Mapping[str, bytes | Epochs],
        dead_letter_key: bytes,
        salts: Mapping[int, bytes] | None = None,
    ) -> None:
        self._rings = {
            project: (EpochKey(0, keys),) if isinstance(keys, bytes) else keys
            for project, keys in pseudonym_keys.items()
        }
        self._salts = MemorySalts(salts or {})
        self._dead_letter_key = dead_letter_key

    def epochs(self, project: str) -> Epochs:
        """See `Keys.epochs`."""
        return self._rings.get(project, ())

    def every_pseudonym(self, project: str, value: str) -> list[str]:
        """See `Keys.every_pseudonym`."""
        return [pseudonym_of(epoch.key, value) for epoch in self.epochs(project)]

    @property
    def salts(self) -> Salts:
        """See `Keys.salts`."""
        return self._salts

    @property
    def dead_letter_key(self) -> bytes:
        """See `Keys.dead_letter_key`."""
        return self._dead_letter_key


def _dead_letter_key(directory: Path) -> bytes:
    public, private = directory / "dead-letters.pub", directory / "dead-letters"
    if public.exists() or not private.exists():
        return read_public(public)
    return bytes(PrivateKey(read_secret(private)).public_key)


class Sealer:
    """Seals payloads so that only the holder of the private key can read them."""

    def __init__(self, public_key: bytes) -> None:
        self._box = SealedBox(PublicKey(public_key))

    def seal(self, payload: bytes) -> bytes:
        """The payload in a sealed box: 48 bytes longer, different at each call."""
        return bytes(self._box.encrypt(payload))
