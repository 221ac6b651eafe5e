"""Sealing events where they are made: only the gate can read them, not Kafka, its disks or the spool.

Each process has a data key of its own, new every few minutes, and tells it with each record in a box that only the
gate's private key opens. Needs the packages of `tidegate[sealing]`.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from nacl.public import PublicKey, SealedBox

from tidegate.errors import InvalidSettingError
from tidegate_schemas.sealing import DATA_KEY_BYTES, NONCE_BYTES, account_of, binding
from tidegate_schemas.topics import Kind

EDGE_KEY_BYTES: Final = 64
"""The gate's public key, and the secret by which all edges name people to Kafka."""
KEY_SECONDS, KEY_RECORDS = 900.0, 100_000
"""How long one data key is used. Nonces are random, of 96 bits: so few of them don't meet."""
_PARTITION_KEY_BYTES = 16


class EdgeSeal:
    """Seals with an edge key: 128 hexadecimal digits, or the file that holds them. Thread-safe.

    Raises InvalidSettingError, which never shows the key.
    """

    def __init__(self, edge_key: str | Path, clock: Callable[[], float] = time.monotonic) -> None:
        key = _parsed(edge_key)
        self._box = SealedBox(PublicKey(key[:32]))
        self._partition_secret = key[32:]
        self._clock = clock
        self._data_key = self._new_key()

    def sealed(self, kind: Kind, event: Mapping[str, Any], value: bytes) -> dict[str, Any]:
        """See `Seal.sealed`."""
        data_key = self._data_key
        if data_key.left <= 0 or self._clock() >= data_key.until:
            data_key = self._data_key = self._new_key()
        data_key.left -= 1  # two threads may count one for two: it needn't be exact
        account = account_of(event)
        nonce = os.urandom(NONCE_BYTES)
        content = nonce + data_key.cipher.encrypt(nonce, value, binding(kind, account))
        return {**account, "data_key": data_key.boxed, "sealed": content}

    def key(self, key: bytes) -> bytes:
        """See `Seal.key`."""
        return hashlib.blake2b(key, digest_size=_PARTITION_KEY_BYTES, key=self._partition_secret).digest()

    def _new_key(self) -> _DataKey:
        return _DataKey(self._box, self._clock() + KEY_SECONDS)


class _DataKey:
    """One data key: `boxed` for the gate, and the cipher."""

    def __init__(self, box: SealedBox[PublicKey], until: float) -> None:
        secret = os.urandom(DATA_KEY_BYTES)
        self.boxed, self.cipher = bytes(box.encrypt(secret)), ChaCha20Poly1305(secret)
        self.until, self.left = until, KEY_RECORDS


def _parsed(edge_key: str | Path) -> bytes:
    told = "the edge key"
    try:
        if isinstance(edge_key, Path):
            told, edge_key = f"the edge key's file {edge_key}", edge_key.read_text("ascii")
        key = bytes.fromhex(edge_key.strip())
    except OSError as error:
        raise InvalidSettingError(f"{told} can't be read: {error.strerror}") from None
    except ValueError:  # its text tells where the bad digit is; the chain would show more
        key = b""
    if len(key) != EDGE_KEY_BYTES:
        raise InvalidSettingError(
            f"{told} must hold {2 * EDGE_KEY_BYTES} hexadecimal digits, as keys/edge.key does in the gate's home. "
            "A file is given as pathlib.Path"
        )
    return key
