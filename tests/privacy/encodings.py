"""The same value, written in other ways."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from urllib.parse import quote

from tests.privacy.values import CASELESS

_WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
_CYRILLIC = str.maketrans("aeopcyxAEOPCTX", "аеорсухАЕОРСТХ")


def _escaped(text: str) -> str:
    """As JSON in a text has it, all but letters, digits and spaces by their number."""
    return "".join(
        char if (char.isalnum() and char.isascii()) or char == " " else f"\\u{ord(char):04x}" for char in text
    )


ENCODINGS: Mapping[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "case": str.swapcase,
    "percent": lambda text: quote(text, safe=""),
    "percent_twice": lambda text: quote(quote(text, safe=""), safe=""),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "json": lambda text: json.dumps(text)[1:-1],
    "json_numbers": _escaped,
    "full_width": lambda text: text.translate(_WIDE),
    "cyrillic": lambda text: text.translate(_CYRILLIC),
}
"""`split`, one half in a field and the other in the next, is done where fields are."""
SPLIT = "split"
UNCLAIMED_ENCODINGS = frozenset({SPLIT})


def meaningful(kind: str, encoding: str, text: str) -> bool:
    """Whether what is written so is still the value, and not the same as another encoding of it."""
    if encoding == "plain":
        return True
    if encoding == "case":
        return kind in CASELESS and text.swapcase() != text
    if encoding == "base64":
        return text.isascii() and len(text) >= 9
    if encoding == "cyrillic" and kind in {"jwt", "api_key", "basic", "pem"}:
        return False  # no one takes such a key for another one
    if encoding == SPLIT:
        return len(text) >= 12
    return ENCODINGS[encoding](text) != text
