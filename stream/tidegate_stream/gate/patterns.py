"""What personal data and secrets look like in text.

Each pattern exists once, for Python's `re`. The columnar path only asks which rows *may* hold something
(`SUSPECT`, for Rust's engine, without look-around, never stricter); those rows are scrubbed one by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from tidegate_stream.gate.disguise import SUSPECT_ESCAPES, from_base64
from tidegate_stream.gate.national_ids import FIND as NATIONAL_ID
from tidegate_stream.gate.national_ids import SUSPECT_NUMBERS, luhn, national_id

AT = r"(?:@|%40|&#0*64;|\\u0040|[＠﹫])"
OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"

IBAN_LENGTHS: Final = {
    **{"AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28},
    **{"CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18},
    **{"FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22},
    **{"IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20},
    **{"LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18},
    **{"NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SD": 18},
    **{"SE": 24, "SI": 19, "SK": 24, "SM": 27, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22},
    **{"VG": 24, "XK": 20},
}
"""Characters of an IBAN by country."""
COUNTRIES: Final = "|".join(IBAN_LENGTHS)


@dataclass(frozen=True)
class Pattern:
    """One kind of thing to find: `replace` gives the text instead, the match itself where it isn't one after all."""

    name: str
    find: re.Pattern[str]
    replace: Callable[[re.Match[str]], str]


def _fixed(template: str) -> Callable[[re.Match[str]], str]:
    """What `Match.expand` does, but the template is read once: `\\1` and `\\2` at its beginning, then plain text."""
    groups = [number for number in (1, 2) if f"\\{number}" in template]
    text = template.replace(r"\1", "").replace(r"\2", "")
    if not groups:
        return lambda _: text
    return lambda match: "".join(match.group(number) for number in groups) + text


def mod97(iban: str) -> bool:
    """Whether an IBAN (upper case, no spaces) has the right check digits."""
    return int("".join(str(int(char, 36)) for char in iban[4:] + iban[:4])) % 97 == 1


_FIRST_DIGITS: Final = {13: "4", 14: "3", 15: "3"}
"""Of shorter cards: else every tenth time written as 14 digits would be one."""


def _card(match: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", match[0])
    issued = digits[0] in _FIRST_DIGITS.get(len(digits), "23456")
    return "[card]" if issued and digits.isascii() and luhn(digits) else match[0]


_LOOKALIKES = str.maketrans("\u017f\u212a\u0130\u0131", "SKII")
"""Letters that `re` takes for ASCII ones when it ignores case: long s, the Kelvin sign, the Turkish i's."""


def _iban(match: re.Match[str]) -> str:
    """A match may run on into the words that follow: the country says where the IBAN ends."""
    text = match[0]
    folded = text.translate(_LOOKALIKES).upper()
    length = IBAN_LENGTHS[folded[:2]]
    ends = [place for place, char in enumerate(text, 1) if char.isalnum()]
    if len(ends) < length:
        return text
    end = ends[length - 1]
    glued = end < len(text) and text[end].isalnum()
    if glued or not mod97(re.sub(r"[^A-Z0-9]", "", folded[:end])):
        return text
    return "[iban]" + text[end:]


def _basic(match: re.Match[str]) -> str:
    """What is padded is a credential, and what stands for a name and a password."""
    if not match[4] and ":" not in from_base64(match[3]):
        return match[0]
    return f"{match[1]}{match[2]}[token]"


def _ipv6(match: re.Match[str]) -> str:
    try:
        ip_address(match[0])
    except ValueError:
        return match[0]
    return "[ip]" if match[0] != "::" else match[0]


TELLING_WORDS = (
    r"(?:pass(?:word|wd|phrase)|pwd|secret|api[_-]?key|private[_-]?key|access[_-]?key|client[_-]?secret"
    r"|(?:access|refresh|auth|id|session|csrf|xsrf)[_-]?token|token|credentials?|otp|csrf|xsrf"
    r"|(?:php|j)?sess(?:ion)?[_-]?id|connect\.sid)"
)

_PARTS = {"<AT>": AT, "<OCTET>": OCTET, "<COUNTRIES>": COUNTRIES, "<TELLING_WORDS>": TELLING_WORDS}


def _filled(pattern: str) -> str:
    """A pattern with its named parts put in."""
    for name, part in _PARTS.items():
        pattern = pattern.replace(name, part)
    return pattern


PATTERNS: tuple[Pattern, ...] = tuple(
    Pattern(name, re.compile(_filled(pattern)), replace if callable(replace) else _fixed(replace))
    for name, pattern, replace in (
        ("pem", r"(?s)-----BEGIN [A-Z0-9 ]{1,40}-----.*?(?:-----END [A-Z0-9 ]{1,40}-----|\Z)", "[pem]"),
        ("jwt", r"\beyJ[\w-]{6,}\.[\w-]{6,}(?:\.[\w-]*)?", "[token]"),
        (
            "authorization",
            r"(?i)\b(authorization)(\\?[\"']?\s*[:=]\s*\\?[\"']?)[^\s\[,;\"'\\](?:[^\r\n,;\"'\\]|\\(?![\"'nrt]))*",
            r"\1\2[secret]",
        ),
        (
            "cookie",
            r"(?i)\b(cookie2?)(\\?[\"']?\s*:\s*\\?[\"']?)(?!\[)(?:[^\r\n\"'\\]|\\(?![\"'nrt]))+",
            r"\1\2[secret]",
        ),
        ("bearer", r"(?i)\b(bearer)(\s+|%20|\+)[\w.~+/=-]{8,}", r"\1\2[token]"),
        ("basic", r"(?i)\b(basic)(\s+|%20|\+)([\w+/-]{4,})((?:=|%3D|\\u003D){0,2})", _basic),
        (
            "api_key",
            r"\b(?:sk|pk|rk)[-_](?:live|test|proj|ant)?[-_]?[\w-]{16,}|\bgh[opsur]_\w{20,}|\bgithub_pat_\w{20,}"
            r"|\bxox[abeoprs]-[\w-]{10,}|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[\w-]{35}|\bglpat-[\w-]{20,}"
            r"|\bSG\.[\w-]{16,}\.[\w-]{16,}|\bnpm_\w{30,}|\bhf_\w{30,}|\bya29\.[\w-]{20,}|\bEAAC\w{20,}"
            r"|\bshp(?:at|ca|pa|ss)_\w{20,}|\bdop_v1_\w{20,}|\bdckr_pat_[\w-]{20,}|\bpypi-Ag[\w-]{20,}"
            r"|\bxapp-[\w-]{10,}|\bsq0[a-z]{3}-[\w-]{20,}|\bwhsec_\w{20,}|\bkey-[0-9a-f]{32}\b",
            "[key]",
        ),
        ("userinfo", r"(?i)\b([a-z][a-z0-9+.-]{1,20}(?:://|%3A%2F%2F))[^\s/?#@\"'<>]{1,256}@", r"\1[userinfo]@"),
        (
            "assigned",
            r"(?i)(?<![a-z])(<TELLING_WORDS>)(\\?[\"']?\s*(?:=|:|%3D)\s*\\?[\"']?)(?![\[{])(?:[^\s&;,\"'<>\\]|\\(?![\"'nrt]))+",
            r"\1\2[secret]",
        ),
        # The last label has a letter first: `shop@1.4.0` is a release, not an address.
        ("email", r"[\w.%+'-]{1,64}<AT>(?:[\w-]{1,63}(?:\.[\w-]{1,63})*\.[^\W\d_][\w-]{1,62}|\[id\])", "[email]"),
        (
            "mac",
            r"(?<![\w:-])[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}(?![\w:-])"
            r"|(?<![\w.])[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}(?!\w|\.[0-9A-Fa-f]{4})",
            "[mac]",
        ),
        ("iban", r"(?i)(?<![A-Z0-9])(?:<COUNTRIES>)\d{2}(?:[ -]?[A-Z0-9]){11,32}", _iban),
        ("card", r"(?<![\d.])[2-6]\d{3}(?:[ -]?\d){9,15}(?!\d)", _card),
        ("national_id", NATIONAL_ID, national_id),
        ("ssn", r"(?<![\w-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])", "[ssn]"),
        (
            "ipv6",
            r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9A-Fa-f]{1,4}|<OCTET>(?:\.<OCTET>){3})?(?![\w:])",
            _ipv6,
        ),
        ("ipv4", r"(?<![\w.])(?<!Chrome/)(?<!CriOS/)(?<!Edg/)(?<!OPR/)<OCTET>(?:\.<OCTET>){3}(?!\w|\.\d)", "[ip]"),
        (
            "phone",
            r"(?:\+|%2B|(?<![\w+.])00)[1-9](?:[ ().\u00a0/-]{0,2}\d){6,14}(?!\w|-[0-9a-f]{4}-[0-9a-f]{4}-)"
            r"|(?<![\w.+-])(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[-. ])[2-9]\d{2}[-. ]\d{4}(?![\w-])"
            r"|(?<![\w.+-])\(?0\d{2,4}\)?[ /-]\d{3,4}[ -]?\d{2,5}(?:[ -]?\d{2,4})?(?![\w-])"
            r"|(?<![\w.+-])0(?:\d(?:[ .-]\d{2}){4}|\d{2,4}(?: \d{2}){3,4}|\d-\d{7,8})(?![\w-])"
            r"|(?<![\w.+-])\(\d{1,3}\) ?\d{3,4}[ -]\d{3,4}(?![\w-])",
            "[phone]",
        ),
        ("posix_path", r"(?i)(/(?:home|users)/)(?!\[)[^/\s\"'<>:]+", r"\1[user]"),
        (
            "windows_path",
            r"(?i)([a-z]:[\\/]+(?:users|documents and settings)[\\/]+)(?!\[)[^\\/:*?\"<>|\r\n]+",
            r"\1[user]",
        ),
    )
)
"""In the order of their use: a whole (a PEM block, a token) before what may be a part of it."""

SUSPECT: Final = "|".join(
    (
        r"-----BEGIN",
        r"eyJ",
        r"(?i:authorization|bearer)",
        r"(?i:basic)(?:\s|%20|\+)",
        r"(?:sk|pk|rk)[-_]",
        r"gh[opsur]_|github_pat_|xox[abeoprs]-|AKIA|ASIA|AIza|glpat-|SG\.|npm_|hf_|ya29\.|EAAC|shp(?:at|ca|pa|ss)_",
        r"dop_v1_|dckr_pat_|pypi-|xapp-|sq0[a-z]{3}-|whsec_|key-",
        SUSPECT_ESCAPES,
        r"@|＠|﹫|[\x1c-\x1f]",
        # An i to Python's `re`, which ignores more of case than Rust.
        r"[\u0130\u0131]",
        r"(?i:pass(?:word|wd|phrase)|pwd|secret|api[_-]?key|private[_-]?key|access[_-]?key|token|credential|otp|csrf|xsrf)",
        r"(?i:sess(?:ion)?[_-]?id|connect\.sid|cookie2?\\?[\"']?\s*:)",
        r"(?:[0-9A-Fa-f]{2}[:-]){5}|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}",
        rf"(?:^|[^A-Za-z0-9])(?i:{COUNTRIES})\d{{2}}[ -]?(?i:[a-z0-9][ -]?){{11}}",
        r"(?:^|[^\d.])[2-6]\d{3}(?:[ -]?\d){9}",
        r"\d{3}-\d{2}-\d{4}",
        SUSPECT_NUMBERS,
        r"::|(?:[0-9A-Fa-f]{1,4}:){6}",
        r"\d\.\d{1,3}\.\d{1,3}\.\d",
        # Letters by name: to Rust a combining mark is a part of a word, to Python it isn't.
        r"(?:\+|(?i:%2B)|(?:^|[^0-9A-Za-z_+.])00)[1-9](?:[ ().\u00a0/-]{0,2}\d){6}",
        r"\(?[2-9]\d{2}\)?[-. ]?[2-9]\d{2}[-. ]\d{4}",
        r"(?:^|[^0-9A-Za-z_.+-])\(?0\d{2,4}\)?[ /-]\d{3}",
        r"0\d(?:[ .-]\d{2}){4}|0\d{2,4}(?: \d{2}){3}|0\d-\d{7}|\(\d{1,3}\) ?\d{3,4}[ -]\d{3}",
        r"(?i:/(?:home|users)/)",
        r"(?i:[a-z]:[\\/]+(?:users|documents and settings)[\\/])",
    )
)
"""Finds every text that a pattern of `PATTERNS` could change (Rust syntax)."""

SUSPECT_JSON: Final = "|".join(
    (
        SUSPECT,
        r"\\",
        r"(?i:auth|cookie|2fa|passcode|sessid|cvv|cvc|mfa|totp)",
        # Two words of a key, whatever stands between them.
        r"(?i:api|private|access|session)[^0-9A-Za-z]*(?i:key)",
        r"(?i:session)[^0-9A-Za-z]*(?i:id)|(?i:two)[^0-9A-Za-z]*(?i:factor)",
        # Scrubbing looks at a number as Python writes it, where 4.2e15 has more digits.
        r"[\[:,\s]-?[0-9]+(?:\.[0-9]+)?[eE]",
    )
)
"""The same for JSON text, where an escape may hide anything and the key alone may tell."""
