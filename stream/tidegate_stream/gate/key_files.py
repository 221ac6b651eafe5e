"""Files of secrets: made whole or not at all, for their owner only, and overwritten before they go."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

from tidegate_stream.gate.epochs import KEY_BYTES
from tidegate_stream.gate.errors import KeyFileError

OTHERS = 0o077


def parse_key(text: str, where: str) -> bytes:
    """32 bytes of 64 hexadecimal digits. Raises KeyFileError, which says where but never what."""
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:  # its text tells where the bad digit is; the chain would show more
        raise KeyFileError(f"{where} must hold {2 * KEY_BYTES} hexadecimal digits") from None
    if len(key) != KEY_BYTES:
        raise KeyFileError(f"{where} must hold {KEY_BYTES} bytes in hexadecimal, not {len(key)}")
    return key


def read_public(path: Path) -> bytes:
    """A key that anyone may read. Raises KeyFileError."""
    try:
        text = path.read_text("ascii")
    except FileNotFoundError as error:
        raise KeyFileError(f"key file {path.name} is missing in {path.parent}") from error
    except UnicodeDecodeError:
        raise KeyFileError(f"key file {path} must hold {2 * KEY_BYTES} hexadecimal digits") from None
    return parse_key(text, f"key file {path}")


def read_secret(path: Path) -> bytes:
    """A key that nobody else may read. Raises KeyFileError."""
    refuse_loose(path)
    return read_public(path)


def refuse_loose(path: Path) -> None:
    """Raises KeyFileError if others than the owner can read a file or look into a folder."""
    if os.name != "posix":
        return
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError as error:
        raise KeyFileError(f"{path.name} is missing in {path.parent}") from error
    if mode & OTHERS:
        wanted = "700" if path.is_dir() else "600"
        raise KeyFileError(f"others can read {path} (mode {mode:04o}). Fix: chmod {wanted} {path}")


def ensure_secret(path: Path) -> None:
    """Make a random key if there is none; the first of several processes or threads makes it."""
    if path.exists():
        return
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_hex(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    with contextlib.suppress(FileExistsError):  # another process was first: its key is the key
        os.link(scratch, path)
    if path.stat().st_ino != scratch.stat().st_ino:
        _overwrite(scratch)
    scratch.unlink()


def destroy(path: Path) -> None:
    """Overwrite a file and remove it; nothing if another process was first.

    On a file system that writes elsewhere (copy on write, a log, flash memory) the old blocks stay until they are
    reused: what must not outlive its time there belongs into memory.
    """
    with contextlib.suppress(FileNotFoundError):
        _overwrite(path)
        path.unlink()


def _overwrite(path: Path) -> None:
    with path.open("r+b", buffering=0) as file:
        file.write(b"\0" * path.stat().st_size)
        os.fsync(file.fileno())
