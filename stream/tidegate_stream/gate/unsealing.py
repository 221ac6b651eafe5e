"""Opening records that an edge sealed, by column, before anything else looks at them.

A chunk without sealed records costs a look at its first record.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox

from tidegate_schemas.columns import BadRecord, ColumnCodec
from tidegate_schemas.errors import DecodeError
from tidegate_schemas.reasons import Reason
from tidegate_schemas.registry import SchemaRegistry
from tidegate_schemas.rows import Decoder
from tidegate_schemas.sealing import DATA_KEY_BYTES, NONCE_BYTES, account_of, binding
from tidegate_schemas.subjects import sealed_schema
from tidegate_schemas.topics import Kind
from tidegate_schemas.versions import KnownVersions
from tidegate_stream.gate.sealing_keys import SealingKeys

NO_KEY = "none of the gate's sealing keys opens its data key"
CHANGED = "it isn't as it was sealed: changed, cut, or moved here from another record or topic"
DATA_KEYS = 1024
"""Data keys that are remembered: those of as many edge processes."""


@dataclass(frozen=True)
class Opened:
    """Records as they were before they were sealed, by their place, and those that can't be opened."""

    values: Mapping[int, bytes]
    bad: Sequence[BadRecord]


class Opener:
    """Opens the sealed records of one kind. Raises KeyFileError."""

    def __init__(self, kind: Kind, keys: SealingKeys, registry: SchemaRegistry | None = None) -> None:
        self._kind, self._columns, self._rows = (
            kind,
            ColumnCodec(sealed_schema(), registry),
            Decoder([sealed_schema()], registry),
        )
        self._headers = tuple(KnownVersions([sealed_schema()], registry).by_header)
        self._data_keys = DataKeys(keys)

    def is_sealed(self, value: bytes | None) -> bool:
        """Whether a record claims to be sealed."""
        return value is not None and value.startswith(self._headers)

    def open(self, values: Sequence[bytes | None]) -> Opened:
        """Open those that are sealed; the others are left out."""
        places = [index for index, value in enumerate(values) if self.is_sealed(value)]
        decoded = self._columns.decode([values[index] for index in places])
        opened, bad = dict[int, bytes](), list[BadRecord]()
        rows = decoded.frame.select("_index", "data_key", "sealed", _bindings(self._kind))
        ciphers = {each: self._data_keys.cipher(each) for each in rows["data_key"].unique()}
        for at, data_key, sealed, bound in rows.iter_rows():
            content = _content(ciphers[data_key], sealed, bound.encode())
            if isinstance(content, bytes):
                opened[places[at]] = content
            else:
                bad.append(BadRecord(places[at], Reason.UNOPENABLE, content))
        for record in decoded.bad:  # its account may break bounds, which the event has to answer for
            content = self.open_one(values[places[record.index]] or b"")
            if isinstance(content, bytes):
                opened[places[record.index]] = content
            else:
                bad.append(BadRecord(places[record.index], Reason.UNOPENABLE, content))
        return Opened(opened, bad)

    def open_one(self, value: bytes) -> bytes | str:
        """The reference of `open`: a sealed record's content, or why it can't be opened."""
        try:
            record = self._rows.decode(value)
        except DecodeError as error:
            return str(error)
        bound = binding(self._kind, account_of(record))
        return _content(self._data_keys.cipher(record["data_key"]), record["sealed"], bound)


class DataKeys:
    """Data keys that were opened before; one that can't be opened has the private keys read again."""

    def __init__(self, keys: SealingKeys) -> None:
        self._source = keys
        self._ciphers: OrderedDict[bytes, ChaCha20Poly1305] = OrderedDict()
        self._boxes: list[SealedBox[PrivateKey]] = []
        self._read()

    def cipher(self, data_key: bytes) -> ChaCha20Poly1305 | None:
        """What opens records of a data key, None if no private key opens it. Raises KeyFileError."""
        known = self._ciphers.get(data_key)
        if known is not None:
            self._ciphers.move_to_end(data_key)
            return known
        secret = self._unboxed(data_key)
        if secret is None:
            self._read()
            secret = self._unboxed(data_key)
        if secret is None:
            return None
        cipher = self._ciphers[data_key] = ChaCha20Poly1305(secret)
        if len(self._ciphers) > DATA_KEYS:
            self._ciphers.popitem(last=False)
        return cipher

    def _read(self) -> None:
        self._boxes = [SealedBox(PrivateKey(key)) for key in self._source()]

    def _unboxed(self, data_key: bytes) -> bytes | None:
        for box in self._boxes:
            try:
                secret = box.decrypt(data_key)
            except (CryptoError, ValueError):
                continue
            return secret if len(secret) == DATA_KEY_BYTES else None
        return None


def _content(cipher: ChaCha20Poly1305 | None, sealed: bytes, bound: bytes) -> bytes | str:
    """The record in `sealed`, or why there is none."""
    if cipher is None:
        return NO_KEY
    try:
        return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound)
    except (InvalidTag, ValueError):
        return CHANGED


def _bindings(kind: Kind) -> pl.Expr:
    """As `binding`, by column."""
    event_id, project = pl.col("event_id"), pl.col("project")
    numbers = [pl.col("sequence"), pl.col("received_at").cast(pl.Int64), event_id.str.len_chars()]
    numbers.append(project.str.len_chars())
    head = [part for number in numbers for part in (number.cast(pl.String), pl.lit("/"))]
    return pl.concat_str(pl.lit(f"{kind}/"), *head, event_id, project, "producer_id").alias("_binding")
