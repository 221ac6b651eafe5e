"""Looks for all canaries at once in bytes: as they were planted, and as whoever undoes an encoding reads them."""

from __future__ import annotations

import base64
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import unquote_to_bytes

from ahocorasick_rs import BytesAhoCorasick
from tests.privacy.encodings import SPLIT
from tests.privacy.planting import Canary

from tidegate_stream.gate.disguise import folds

SHORTEST = 7
"""A shorter part of a canary may be anywhere."""
#: Escapes of JSON and HTML, and runs of what may be base64 or digits with separators.
_ESCAPES = re.compile(rb"\\+u([0-9a-fA-F]{4})|&#([0-9]{2,6});")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{12,}")
_NUMBER = re.compile(rb"(?<![0-9a-zA-Z])\d(?:[ ().\-/]{0,2}\d){9,}(?![0-9a-zA-Z])")
_NOT_DIGITS = bytes(set(range(256)) - set(b"0123456789"))


class Needles:
    """What to look for, made once for all canaries."""

    def __init__(self, canaries: Iterable[Canary]) -> None:
        by_needle: defaultdict[bytes, list[int]] = defaultdict(list)
        for number, canary in enumerate(canaries):
            for needle in needles_of(canary):
                by_needle[needle].append(number)
        self._owners: Sequence[list[int]] = list(by_needle.values())
        self._automaton = BytesAhoCorasick(list(by_needle))
        self.number = len(by_needle)

    def found_in(self, data: bytes, *, deep: bool = True) -> Iterator[int]:
        """Numbers of the canaries that are in there; not `deep`: only as they stand there, in any case."""
        for view in views(data) if deep else (data.lower(),):
            for needle, _, _ in self._automaton.find_matches_as_indexes(view, overlapping=True):
                yield from self._owners[needle]


def needles_of(canary: Canary) -> set[bytes]:
    """The planted text, the value and its core, in lower case; its digits, where they are many."""
    if canary.encoding == SPLIT:
        middle = len(canary.value.text) // 2
        texts = [canary.value.text[:middle], canary.value.text[middle:]]
    else:
        texts = [canary.planted, canary.value.text, canary.value.core]
        figures = re.sub(r"\D", "", canary.value.text)
        texts += [figures] if canary.kind in {"phone", "card", "bare_phone"} and len(figures) >= 10 else []
    return {text.lower().encode() for text in texts if len(text) >= SHORTEST}


def views(data: bytes) -> Iterator[bytes]:
    """The same bytes as several readers see them, in lower case."""
    yield data.lower()
    plain = data
    for _ in range(3):
        undone = _ESCAPES.sub(_character, unquote_to_bytes(plain) if b"%" in plain else plain)
        if undone == plain:
            break
        plain = undone
        yield plain.lower()
    if not plain.isascii():
        yield plain.decode("utf-8", "ignore").translate(folds()).encode().lower()
    yield b"\n".join(_decoded(match) for match in _BASE64.findall(plain))
    yield b"\n".join(match.translate(None, _NOT_DIGITS) for match in _NUMBER.findall(plain))


def _character(match: re.Match[bytes]) -> bytes:
    code = int(match[1], 16) if match[1] else int(match[2])
    return match[0] if 0xD800 <= code <= 0xDFFF or code > 0x10FFFF else chr(code).encode()


def _decoded(text: bytes) -> bytes:
    body = text.translate(bytes.maketrans(b"-_", b"+/"))[: len(text) - (len(text) % 4 == 1)]
    return base64.b64decode(body + b"=" * (-len(body) % 4)).lower()
