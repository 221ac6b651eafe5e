"""Numbers that a state gives its people, where their shape or check digits tell them from other numbers.

Of a country whose numbers are bare digits with a weak check (the Dutch BSN, the Polish PESEL) every tenth order number
would be one: those are left to the keys that name them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

_VERHOEFF_STEP = ((1, 5, 7, 6, 2, 8, 3, 0, 9, 4), (5, 8, 0, 3, 7, 9, 6, 1, 4, 2))
_FISCAL_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)


def luhn(digits: str) -> bool:
    """Whether a run of digits ends in its Luhn check digit."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _weighted(digits: str, weights: range | tuple[int, ...]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def _spain(number: str) -> bool:
    digits = number[:-1].translate(str.maketrans("XYZ", "012"))
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(digits) % 23] == number[-1]


def _italy(number: str) -> bool:
    places = [int(char, 36) - (10 if char.isalpha() else 0) for char in number[:-1]]
    total = sum(_FISCAL_ODD[value] if place % 2 == 0 else value for place, value in enumerate(places))
    return chr(ord("A") + total % 26) == number[-1]


def _france(number: str) -> bool:
    body = number[:-2].replace("2A", "19").replace("2B", "18")
    return 97 - int(body) % 97 == int(number[-2:])


def _brazil(number: str) -> bool:
    first = _weighted(number[:9], range(10, 1, -1)) * 10 % 11 % 10
    second = _weighted(number[:10], range(11, 1, -1)) * 10 % 11 % 10
    return number[9:] == f"{first}{second}"


def _china(number: str) -> bool:
    return (
        "10X98765432"[_weighted(number[:17], tuple(pow(2, 17 - place, 11) for place in range(17))) % 11] == number[-1]
    )


def _finland(number: str) -> bool:
    return "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(number[:6] + number[-4:-1]) % 31] == number[-1]


def _korea(number: str) -> bool:
    return (11 - _weighted(number[:12], (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11) % 10 == int(number[12])


def _india(number: str) -> bool:
    """Verhoeff's check: a group of ten symmetries, permuted by place."""
    check = 0
    for place, digit in enumerate(reversed(number)):
        check = _dihedral(check, _permuted(place % 8, int(digit)))
    return check == 0


def _permuted(times: int, digit: int) -> int:
    for _ in range(times):
        digit = _VERHOEFF_STEP[0][digit]
    return digit


def _dihedral(left: int, right: int) -> int:
    if left < 5:
        return (left + right) % 5 + (5 if right >= 5 else 0)
    return (left - right) % 5 + (0 if right >= 5 else 5)


def _belgium(number: str) -> bool:
    body, check = number[:9], int(number[9:])
    return check in {97 - int(body) % 97, 97 - int("2" + body) % 97}


def _switzerland(number: str) -> bool:
    return -_weighted(number[:12], (1, 3) * 6) % 10 == int(number[12])


CHECKS: Final[Mapping[str, tuple[str, Callable[[str], bool]]]] = {
    "gb": (
        r"(?<!\w)(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D](?!\w)",
        lambda _: True,
    ),
    "es": (r"(?<![\w.-])(?:\d{8}|[XYZ]\d{7})-?[A-HJ-NP-TV-Z](?![\w-])", _spain),
    "it": (r"(?<!\w)[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z](?!\w)", _italy),
    "fr": (
        r"(?<![\w.])[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}(?!\w|\.\d)",
        _france,
    ),
    "br": (r"(?<![\w.])\d{3}\.\d{3}\.\d{3}-\d{2}(?![\w-])", _brazil),
    "cn": (r"(?<![\w.])[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dX](?!\w)", _china),
    "fi": (r"(?<![\w.-])(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])\d{2}[-+A]\d{3}[0-9A-Y](?![\w-])", _finland),
    "kr": (r"(?<![\w.-])\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])-[1-4]\d{6}(?![\w-])", _korea),
    "in": (r"(?<![\w.-])[2-9]\d{3} \d{4} \d{4}(?![\w-]| \d)", _india),
    "ca": (r"(?<![\w.-])[1-79]\d{2}-\d{3}-\d{3}(?![\w-])", luhn),
    "be": (r"(?<![\w.])\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}(?!\w|\.\d)", _belgium),
    "ch": (r"(?<![\w.])756\.\d{4}\.\d{4}\.\d{2}(?!\w)", _switzerland),
}
"""Shape and check of each country's number; the check has it in upper case, without spaces and points."""
FIND: Final = "(?i)" + "|".join(f"(?P<{country}>{shape})" for country, (shape, _) in CHECKS.items())

_DIGIT: Final = "[0-9]"
SUSPECT_NUMBERS: Final = "|".join(
    (
        r"[A-Za-z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-Da-d]",
        r"(?:^|[^0-9A-Za-z_.-])(?:\d{8}|[XYZxyz]\d{7})-?[A-Za-z](?:$|[^0-9A-Za-z_-])",
        r"[A-Za-z]{6}\d{2}[A-Za-z]\d{2}[A-Za-z]\d{3}[A-Za-z]",
        r"[12] ?\d{2} ?\d{2} ?\d[0-9ABab] ?\d{3} ?\d{3} ?\d{2}",
        r"\d{3}\.\d{3}\.\d{3}-\d{2}|\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}|756\.\d{4}\.\d{4}\.\d{2}",
        r"[1-9]\d{5}(?:19|20)\d{9}",
        r"\d{6}[-+Aa]\d{3}[0-9A-Za-z]|\d{6}-[1-4]\d{6}|\d{4} \d{4} \d{4}|\d{3}-\d{3}-\d{3}",
    )
).replace(r"\d", _DIGIT)
"""Finds every text that may hold one (Rust syntax)."""


def national_id(match: re.Match[str]) -> str:
    """`[national-id]` for a match of `FIND` whose check holds, else what was matched."""
    if not match[0].isascii():
        return match[0]
    number = re.sub(r"[ .]", "", match[0]).upper()
    country = str(match.lastgroup)
    bare = number if country == "fi" else number.replace("-", "")
    return "[national-id]" if CHECKS[country][1](bare) else match[0]
