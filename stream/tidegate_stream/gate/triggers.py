"""Which patterns a text can't match for want of what they need: of eighteen, most texts need one or two tried.

A trigger is a condition that every match of its pattern fulfils, also in a text from which earlier patterns have taken
something: what they leave instead stands in brackets, and no pattern needs what stands there (`token`, `secret`) but
with a `=` or `:` right behind it. Texts with characters beyond ASCII are tried with every pattern, as letters and
digits have more forms there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from tidegate_stream.gate.patterns import PATTERNS, Pattern

_NO_DIGITS = {code: None for code in range(128) if not chr(code).isdigit()}
_WORDS = re.compile(
    r"-----begin|eyj|authorization|bearer|basic|pass|pwd|secret|key|token|credential|otp|csrf|xsrf|/home/|users|documents"
)
_TELLING = re.compile(r"pass|pwd|secret|key|token|credential|otp|csrf|xsrf")
_KEYS = re.compile(r"[spr]k[-_]|gh|xox|akia|asia|aiza|glpat-|sg\.|npm_|hf_|ya29\.|eaac")


class _Facts(NamedTuple):
    """What triggers ask about an ASCII text: itself, in lower case, and how many digits it has."""

    text: str
    lower: str
    digits: int


_Triggers = Mapping[str, Callable[[_Facts], bool]]
#: Only asked where `_WORDS` finds something.
_ON_WORDS: _Triggers = {
    "pem": lambda on: "-----BEGIN" in on.text,
    "jwt": lambda on: "eyJ" in on.text,
    "authorization": lambda on: "authorization" in on.lower,
    "bearer": lambda on: "bearer" in on.lower,
    "basic": lambda on: "basic" in on.lower,
    "assigned": lambda on: _TELLING.search(on.lower) is not None,
    "posix_path": lambda on: "/home/" in on.lower or "/users/" in on.lower,
    "windows_path": lambda on: ":" in on.text and ("users" in on.lower or "documents" in on.lower),
}
#: Only asked where there are two digits or more.
_ON_DIGITS: _Triggers = {
    "iban": lambda on: len(on.text) >= 15,
    "card": lambda on: on.digits >= 13,
    "ssn": lambda on: on.digits >= 9 and on.text.count("-") >= 2,
    "ipv4": lambda on: on.digits >= 4 and on.text.count(".") >= 3,
    "phone": lambda on: on.digits >= 7,
}
_ON_ANY: _Triggers = {
    "api_key": lambda on: len(on.text) >= 19 and _KEYS.search(on.lower) is not None,
    "userinfo": lambda on: "@" in on.text,
    "email": lambda on: "@" in on.text or "%40" in on.text or "&#" in on.text or "\\u0040" in on.text,
    "mac": lambda on: on.text.count(":") + on.text.count("-") >= 5,
    "ipv6": lambda on: on.text.count(":") >= 2,
}


def triggered(text: str) -> list[Pattern]:
    """The patterns that may match a text, in the order of their use."""
    if not text.isascii():
        return list(PATTERNS)
    facts = _Facts(text, text.lower(), len(text.translate(_NO_DIGITS)))
    names = {name for name, trigger in _ON_ANY.items() if trigger(facts)}
    if facts.digits >= 2:
        names.update(name for name, trigger in _ON_DIGITS.items() if trigger(facts))
    if _WORDS.search(facts.lower):
        names.update(name for name, trigger in _ON_WORDS.items() if trigger(facts))
    return [pattern for pattern in PATTERNS if pattern.name in names] if names else []


def scrub_suspect(text: str) -> str:
    """What `scrub_text` makes of a text without own ids, by the patterns that may match."""
    for pattern in triggered(text):
        text = pattern.find.sub(pattern.replace, text)
    return text
