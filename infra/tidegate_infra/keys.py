"""Secrets of a home: made once, readable by the owner only, never shown but for the public write key."""

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from nacl.public import PrivateKey

from tidegate_infra.settings import Settings

__all__ = ["PROJECTS", "Keys", "ensure_edge_key", "ensure_keys", "loose_files"]

PROJECTS = {0: "tidegate", 1: "default"}
"""Id of each project by its number; to 0 our own processes report."""

_OWNER_ONLY = 0o600


@dataclass(frozen=True)
class Keys:
    """What the services are told; the gate reads its own, `pseudonym-PROJECT.key` and `dead-letters.pub`, by itself."""

    write_key: str
    """Public write key of project 1, `default`."""
    internal_write_key: str = field(repr=False)
    """Write key of project 0, to which our own processes report."""
    clickhouse_password: str = field(repr=False)
    """Password of ClickHouse's user `writer`."""
    dead_letter_public_key: bytes
    """X25519: whoever has it can seal a dead letter, only the owner of keys/dead-letters.key can open one."""


def ensure_keys(settings: Settings) -> Keys:
    """Read the keys of a home, making those that don't exist; safe for several processes at once."""
    folder = settings.keys_dir
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_key = settings.write_key or _ensure(folder / "write-key", lambda: secrets.token_hex(16).encode()).decode()
    internal = _ensure(folder / "internal-write-key", lambda: secrets.token_hex(16).encode()).decode()
    password = settings.clickhouse_password
    if password is None:
        password = _ensure(folder / "clickhouse-writer", lambda: secrets.token_urlsafe(24).encode()).decode()
    kept_elsewhere = settings.pseudonym_keys or settings.pseudonym_keys_command
    for project in () if kept_elsewhere else PROJECTS.values():
        if not any(folder.glob(f"pseudonym-{project}@*.key")):  # with later keys, the first was destroyed on purpose
            _ensure(folder / f"pseudonym-{project}.key", lambda: secrets.token_hex(32).encode())
    private = _ensure(folder / "dead-letters.key", lambda: bytes(PrivateKey.generate()).hex().encode())
    public = bytes(PrivateKey(bytes.fromhex(private.decode())).public_key)
    _ensure(folder / "dead-letters.pub", lambda: public.hex().encode())
    return Keys(write_key, internal, password, public)


def ensure_edge_key(settings: Settings) -> str | None:
    """What edges seal with, None if they aren't to; keys/edge.key follows the sealing key. Raises KeyFileError.

    Its second half, by which all edges name people to Kafka, stays when the first changes.
    """
    if not settings.seal_raw:
        return None
    if settings.edge_key is not None:
        return settings.edge_key
    folder = settings.keys_dir
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    public = bytes(PrivateKey(_sealing_key(settings)).public_key).hex()
    path = folder / "edge.key"
    kept = _ensure(path, (public + secrets.token_hex(32)).encode).decode()
    edge_key = public + kept[64:]
    if kept != edge_key:
        _write(path, edge_key.encode()).replace(path)
    return edge_key


def _sealing_key(settings: Settings) -> bytes:
    """The private key that edges seal for; a file is made if it is missing."""
    if settings.sealing_keys or settings.sealing_keys_command:
        from tidegate_infra.privacy.keys import sealing_source  # noqa: PLC0415 - loads polars, which gateways don't need
        from tidegate_stream.gate.sealing_keys import CURRENT, named_keys  # noqa: PLC0415 - same

        if (source := sealing_source(settings)) is not None:
            return named_keys(source)[CURRENT]
    path = settings.keys_dir / "sealing.key"
    return bytes.fromhex(_ensure(path, lambda: bytes(PrivateKey.generate()).hex().encode()).decode())


def loose_files(folder: Path) -> list[Path]:
    """Files of a folder of keys that others than the owner can read."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_mode & 0o077)


def _ensure(path: Path, make: Callable[[], bytes]) -> bytes:
    """Contents of the file; the first of several processes writes it, whole or not at all."""
    if not path.exists():
        scratch = _write(path, make())
        try:
            os.link(scratch, path)  # fails if another process was first, and then its key is the key
        except FileExistsError:
            pass
        finally:
            scratch.unlink()
    return path.read_bytes().strip()


def _write(path: Path, content: bytes) -> Path:
    """Write a file beside the one that it is to become."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_ONLY)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    return scratch
