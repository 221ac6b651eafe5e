"""Other ways in which the same text is written: escapes, base64, and letters that only look like ours."""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import Final

LAYERS: Final = 3
"""Escapes within escapes that are undone."""

QUARTET: Final = r"[I-Za-f][C-HS-Xi-ny-z0-3][ABEFIJMNQRUVYZcdghklopstwx014589][A-Za-z0-9+/_-]"
"""Four characters of base64 that stand for three printable ones of ASCII, as far as a class can tell."""
BASE64: Final = re.compile(rf"(?<![A-Za-z0-9+])(?:{QUARTET}){{3}}[A-Za-z0-9+/_-]*={{0,2}}")
ESCAPES: Final = re.compile(
    r"(?:%[0-9A-Fa-f]{2})+|\\(?:u(?!0000|[dD][89A-Fa-f])[0-9A-Fa-f]{4}|[\"\\/bfnrt])"
    r"|&#(?:[0-9]{2,6}|[xX][0-9A-Fa-f]{2,5});"
)
SUSPECT_ESCAPES: Final = rf"%[0-9A-Fa-f]{{2}}|\\|&#|(?:{QUARTET}){{3}}"
"""Finds every text in which an escape or base64 may hide something (Rust syntax)."""

_SHORT_ESCAPES: Final = {"b": " ", "f": " ", "n": "\n", "r": "\r", "t": "\t"}
#: Letters of Cyrillic and Greek that a reader takes for Latin ones.
_LOOK_ALIKE = dict(
    zip(
        "аеорсухіјѕһԁԛԝАВЕКМНОРСТУХІЈЅΑΒΕΖΗΙΚΜΝΟΡΤΥΧοα",
        "aeopcyxijshdqwABEKMHOPCTYXIJSABEZHIKMNOPTYXoa",
        strict=True,
    )
)
#: Full-width forms, mathematical letters, small and enclosed forms, letter-like signs, superscripts.
_BLOCKS = ((0xFF01, 0xFF5F), (0x1D400, 0x1D800), (0xFE50, 0xFE6C), (0x2460, 0x24EB), (0x2100, 0x2150), (0x2070, 0x209D))
#: Characters that break nothing and are seen by nobody become a space's narrow sister, and dashes a dash.
_DASHES = dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-")
_SPACES = dict.fromkeys("\u00a0\u2007\u2009\u202f\u3000", " ")


@cache
def folds() -> Mapping[int, str]:
    """One character for each that looks like it, for `str.translate`: a text keeps its length."""
    found = {ord(char): same for char, same in (_LOOK_ALIKE | _DASHES | _SPACES).items()}
    for first, end in _BLOCKS:
        for code in range(first, end):
            same = unicodedata.normalize("NFKC", chr(code))
            if len(same) == 1 and same.isascii() and same.isprintable():
                found[code] = same
    return found


def folded(text: str) -> str:
    """The text as a reader sees it, in ASCII as far as that goes, character by character."""
    return text.translate(folds())


def unescaped(text: str) -> str:
    """The text with one layer of percent-encoding, JSON escapes and numeric entities undone."""
    return ESCAPES.sub(_character, text) if "%" in text or "\\" in text or "&#" in text else text


def _character(match: re.Match[str]) -> str:
    found = match[0]
    if found[0] == "%":
        data = bytes.fromhex(found.replace("%", ""))
        return found if 0 in data else data.decode("utf-8", "replace")
    if found[0] == "\\":
        return chr(int(found[2:], 16)) if found[1] == "u" else _SHORT_ESCAPES.get(found[1], found[1])
    code = int(found[3:-1], 16) if found[2] in "xX" else int(found[2:-1])
    return found if 0xD800 <= code <= 0xDFFF or code > 0x10FFFF else chr(code)


def from_base64(found: str) -> str:
    """What a text in base64 stands for; bytes that are no text become U+FFFD, and what is no base64 is left out."""
    body = found.encode("ascii", "ignore").decode().rstrip("=").replace("-", "+").replace("_", "/")
    body = body[: len(body) - (len(body) % 4 == 1)]
    return base64.b64decode(body + "=" * (-len(body) % 4)).decode("utf-8", "replace")
