"""Opening a dead letter: personal data, for who holds the private key. Nothing of it is logged or told in an error."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox

from tidegate_infra.dead_letters.letters import Letter
from tidegate_infra.errors import DeadLetterError
from tidegate_schemas.errors import TidegateError
from tidegate_schemas.registry import SchemaRegistry
from tidegate_schemas.rows import Decoder
from tidegate_schemas.subjects import raw_schema
from tidegate_schemas.topics import Kind
from tidegate_stream.gate.sealing_keys import SealingKeys, folder_keys
from tidegate_stream.gate.unsealing import Opener as UnsealingOpener

__all__ = ["Opener", "as_text"]


class Opener:
    """Holds the key. Raises DeadLetterError if there is none. Without `sealing_keys`, those in the folder."""

    def __init__(
        self, keys_dir: Path, registry: SchemaRegistry | None = None, sealing_keys: SealingKeys | None = None
    ) -> None:
        path = keys_dir / "dead-letters.key"
        try:
            self._box = SealedBox(PrivateKey(bytes.fromhex(path.read_text("ascii").strip())))
        except (OSError, ValueError) as error:
            raise DeadLetterError(
                f"{path} holds no private key, which opens dead letters: run this where the gate's keys are"
            ) from error
        self._registry, self._sealing_keys = registry, sealing_keys or folder_keys(keys_dir)

    def payload(self, letter: Letter) -> bytes:
        """The bytes as they were refused, opened if an edge had sealed them. Raises DeadLetterError, KeyFileError."""
        if not letter.sealed:
            why = f"it was {letter.resolution}" if letter.resolution else "it was too large, or is more than a week old"
            raise DeadLetterError(f"dead letter {letter.dead_letter_id} has no payload any more: {why}")
        try:
            payload = self._box.decrypt(letter.sealed)
        except CryptoError:
            raise DeadLetterError(
                f"dead letter {letter.dead_letter_id} was sealed for another key than keys/dead-letters.key"
            ) from None

        return payload if letter.kind is None else self._unsealed(letter, letter.kind, payload)

    def _unsealed(self, letter: Letter, kind: Kind, payload: bytes) -> bytes:
        opener = UnsealingOpener(kind, self._sealing_keys, self._registry)
        if not opener.is_sealed(payload):
            return payload
        content = opener.open_one(payload)
        if isinstance(content, bytes):
            return content
        raise DeadLetterError(
            f"dead letter {letter.dead_letter_id} is of a record that stays sealed: {content}. "
            "If you have the key, put it beside the others, as keys/sealing-1.key or sealing-1=…"
        )

    def record(self, letter: Letter, payload: bytes) -> dict[str, Any] | None:
        """A raw record's fields, read by whatever version is known now; None if it can't be read."""
        if letter.kind is None:
            return None
        try:
            return Decoder([raw_schema(letter.kind)], self._registry).decode(payload)
        except TidegateError:
            return None

    def item(self, payload: bytes) -> dict[str, Any] | None:
        """What a client of the gateway sent, if it is a JSON object."""
        try:
            value = orjson.loads(payload)
        except orjson.JSONDecodeError:
            return None
        return value if isinstance(value, dict) else None


def as_text(opener: Opener, letter: Letter, payload: bytes) -> str:
    """The payload for people: JSON where it can be read, else its bytes in hexadecimal."""
    value = opener.record(letter, payload) if letter.kind else opener.item(payload)
    if value is None:
        return payload.hex()
    return json.dumps(value, indent=2, ensure_ascii=False, default=_plain)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)
