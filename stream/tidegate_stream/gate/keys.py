"""Keys of the gate: one secret a project for pseudonyms, one public key that seals dead letters."""

from __future__ import annotations

import contextlib
import hmac
import os
import re
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from nacl.public import PrivateKey, PublicKey, SealedBox

from tidegate_stream.gate.errors import KeyFileError

KEY_BYTES = 32
PSEUDONYM_DIGITS = 32
PROJECT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")
"""What a project's id looks like; also what makes it safe as a part of a file's name."""


class Keys(Protocol):
    """Where the gate finds its keys."""

    def pseudonym_key(self, project: str) -> bytes | None:
        """The project's secret (32 bytes), None if it has none."""

    @property
    def dead_letter_key(self) -> bytes:
        """X25519 public key (32 bytes)."""


class DirectoryKeys:
    """Keys in a directory, each 64 hexadecimal digits: `pseudonym-<project>.key`, `dead-letters.pub`.

    A project's key is read when it is first needed, so that a project may be added while the gate runs; keys of
    the projects in `ensured` are made if they are missing (one of several processes wins). Without
    `dead-letters.pub` the public key is derived from the private one in `dead-letters`.
    """

    def __init__(self, directory: Path, ensured: Iterable[str] = ()) -> None:
        self._directory = directory
        self._known: dict[str, bytes] = {}
        for project in ensured:
            _ensure(directory / f"pseudonym-{project}.key")
        self._dead_letter_key = _dead_letter_key(directory)

    def pseudonym_key(self, project: str) -> bytes | None:
        """See `Keys.pseudonym_key`; KeyFileError if the file is there but holds no key."""
        if project not in self._known:
            path = self._directory / f"pseudonym-{project}.key"
            if not PROJECT_ID.match(project) or not path.exists():
                return None
            self._known[project] = _read(path)
        return self._known[project]

    @property
    def dead_letter_key(self) -> bytes:
        """See `Keys.dead_letter_key`."""
        return self._dead_letter_key


class MemoryKeys:
    """Keys held in memory."""

    def __init__(self, pseudonym_keys: Mapping[str, bytes], dead_letter_key: bytes) -> None:
        self._pseudonym_keys = dict(pseudonym_keys)
        self._dead_letter_key = dead_letter_key

    def pseudonym_key(self, project: str) -> bytes | None:
        """See `Keys.pseudonym_key`."""
        return self._pseudonym_keys.get(project)

    @property
    def dead_letter_key(self) -> bytes:
        """See `Keys.dead_letter_key`."""
        return self._dead_letter_key


def _dead_letter_key(directory: Path) -> bytes:
    public, private = directory / "dead-letters.pub", directory / "dead-letters"
    if public.exists() or not private.exists():
        return _read(public)
    return bytes(PrivateKey(_read(private)).public_key)


def _ensure(path: Path) -> None:
    """Make a key file that only its owner can read, whole or not at all."""
    if path.exists():
        return
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_hex(KEY_BYTES))
    with contextlib.suppress(FileExistsError):  # another process was first: its key is the key
        os.link(scratch, path)
    scratch.unlink()


def _read(path: Path) -> bytes:
    try:
        key = bytes.fromhex(path.read_text("ascii").strip())
    except FileNotFoundError as error:
        raise KeyFileError(f"key file {path.name} is missing in {path.parent}") from error
    except ValueError as error:
        raise KeyFileError(f"key file {path} must hold {2 * KEY_BYTES} hexadecimal digits") from error
    if len(key) != KEY_BYTES:
        raise KeyFileError(f"key file {path} must hold {KEY_BYTES} bytes in hexadecimal, not {len(key)}")
    return key


class Pseudonymiser:
    """HMAC-SHA256 of an id under its project's key, cut to 32 hexadecimal digits.

    All id fields share one key, so that an alias's previous id meets the user or visitor that it names. The
    last `capacity` to `2 * capacity` distinct values are remembered.
    """

    def __init__(self, keys: Keys, capacity: int = 50_000) -> None:
        self._keys = keys
        self._capacity = capacity
        self._young: dict[tuple[str, str], str] = {}
        self._old: dict[tuple[str, str], str] = {}

    def pseudonym(self, project: str, value: str) -> str:
        """The pseudonym of a value; KeyFileError if the project has no key."""
        pair = (project, value)
        found = self._young.get(pair) or self._old.get(pair)
        if found is None:
            key = self._keys.pseudonym_key(project)
            if key is None:
                raise KeyFileError(f"project {project!r} has no pseudonym key")
            data = value.encode("utf-8", "surrogatepass")
            found = hmac.digest(key, data, "sha256").hex()[:PSEUDONYM_DIGITS]
        if len(self._young) >= self._capacity:
            self._old, self._young = self._young, {}
        self._young[pair] = found
        return found


class Sealer:
    """Seals payloads so that only the holder of the private key can read them."""

    def __init__(self, public_key: bytes) -> None:
        self._box = SealedBox(PublicKey(public_key))

    def seal(self, payload: bytes) -> bytes:
        """The payload in a sealed box: 48 bytes longer, different at each call."""
        return bytes(self._box.encrypt(payload))
