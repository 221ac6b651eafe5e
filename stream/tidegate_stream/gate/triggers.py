"""Which patterns a text can't match for want of what they need: of eighteen, most texts need one or two tried.

A trigger is a condition that every match of its pattern fulfils, also in a text from which earlier patterns have taken
something: what they leave instead stands in brackets, and no pattern needs what stands there (`token`, `secret`) but
with a `=` or `:` right behind it. Texts with characters beyond ASCII are tried with every pattern, as letters and
digits have more forms there.
"""

from __future__ import annotations

import re
from functools import lru_cache

import polars as pl

from tidegate_stream.gate.disguise import folds
from tidegate_stream.gate.patterns import PATTERNS, SUSPECT, Pattern
from tidegate_stream.gate.texts import scrub_by

_NO_DIGITS = {code: None for code in range(128) if not chr(code).isdigit()}
_TELLING = re.compile(r"pass|pwd|secret|key|token|credential|otp|csrf|xsrf|sess|sid")
_KEYS = re.compile(
    r"[spr]k[-_]|gh|github_pat_|xox|akia|asia|aiza|glpat-|sg\.|npm_|hf_|ya29\.|eaac|shp|dop_|dckr|pypi-|xapp|sq0|whsec|key-"
)


def triggered(text: str) -> tuple[Pattern, ...]:
    """The patterns that may match a text, in the order of their use."""
    if not text.isascii():
        return PATTERNS
    lower, digits = text.lower(), len(text.translate(_NO_DIGITS))
    colons, dashes, dots, at = text.count(":"), text.count("-"), text.count("."), "@" in text
    return _patterns(
        pem="-----BEGIN" in text,
        jwt="eyJ" in text,
        authorization="authorization" in lower,
        cookie=colons > 0 and "cookie" in lower,
        bearer="bearer" in lower,
        basic="basic" in lower,
        api_key=len(text) >= 15 and _KEYS.search(lower) is not None,
        userinfo=at and ("://" in text or "%3a%2f%2f" in lower),
        assigned=_TELLING.search(lower) is not None,
        email=at or "%40" in text or "&#" in text or "\\u0040" in text,
        mac=colons + dashes >= 5 or dots >= 2,
        iban=digits >= 2 and len(text) >= 15,
        card=digits >= 13,
        national_id=digits >= 6 and len(text) >= 9,
        ssn=digits >= 9 and dashes >= 2,
        ipv6=colons >= 2,
        ipv4=digits >= 4 and dots >= 3,
        phone=digits >= 7,
        posix_path="/home/" in lower or "/users/" in lower,
        windows_path=colons > 0 and ("users" in lower or "documents" in lower),
    )


@lru_cache(maxsize=4096)
def _patterns(**triggers: bool) -> tuple[Pattern, ...]:
    """Those whose trigger is met. KeyError for a pattern without one."""
    return tuple(pattern for pattern in PATTERNS if triggers[pattern.name])


def changed_texts(distinct: pl.Series) -> dict[str, str]:
    """Of distinct texts without own ids, those that scrubbing changes, and into what. None may be null."""
    suspect = distinct.filter(suspects(distinct, SUSPECT))
    return {text: clean for text in suspect if (clean := scrub_suspect(text)) != text}


def suspects(texts: pl.Series, suspect: str) -> pl.Series:
    """Which texts may hold something, as they stand there or as a reader takes them. None may be null."""
    marks = texts.str.contains(suspect)
    foreign = (texts.str.len_bytes() != texts.str.len_chars()).arg_true()
    if not foreign.len():
        return marks
    look = folds()
    seen = texts.gather(foreign).str.replace_many([chr(code) for code in look], list(look.values()))
    return marks.scatter(foreign, marks.gather(foreign) | seen.str.contains(suspect))


def scrub_suspect(text: str) -> str:
    """What `scrub_text` makes of a text without own ids, by the patterns that may match."""
    return scrub_by(text, None, triggered)
