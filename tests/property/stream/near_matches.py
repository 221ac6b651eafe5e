"""Texts and JSON that are what a pattern looks for, or nearly: cut, mangled, glued together, in foreign letters.

Drawn from a seeded `Random`, hundreds a seed: holes are rare, and hypothesis takes milliseconds to draw one such text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from random import Random

from tests.property.stream.raw_records import TELLING

from tidegate_stream.gate.scrub import SENSITIVE_PAIRS, SENSITIVE_WORDS

#: Matches, most of them as short as they may be.
WHOLES = (
    *TELLING,
    *(
        "-----BEGIN A-----",
        "-----BEGIN A-----x-----END A-----",
        "eyJabcdef.ghijkl",
        "Authorization=x",
        "bearer+a.b.c.d.e",
    ),
    *("basic abcd=", "sk-0123456789abcdef", "pk_live_0123456789abcdef", "gho_01234567890123456789", "xoxb-0123456789"),
    *("github_pat_01234567890123456789", "ASIA0123456789ABCDEF", "AIza" + "x-" * 17 + "x", "glpat-" + "0" * 20),
    *(
        "SG.0123456789abcdef.0123456789abcdef",
        "npm_" + "0" * 30,
        "hf_" + "0" * 30,
        "ya29." + "0" * 20,
        "EAAC" + "0" * 20,
    ),
    *("ab://c@", "ab%3A%2F%2Fc@", "otp=1", "pwd:x", "csrf%3Dx", "api-key='x", 'id_token\\":x', "a@b.cd", "a&#064;b.cd"),
    *("a\\u0040b.cd", "ab:cd:ef:ab:cd:ef", "00-00-00-00-00-00", "NO9386011117947", "KW81CBKU0000000000001234560101"),
    *(
        "NO93 8601 1117 947",
        "4222222222222",
        "6011-0000-0000-0004",
        "001-01-0001",
        "::1",
        "1:2:3:4:5:6:7:8",
        "::1.2.3.4",
    ),
    *("1.2.3.4", "+1234567", "%2B1 2 3 4 5 6 7", "0049170123456", "(212)555-0123", "212.555.0123", "012-345-67"),
    *("AB123456C", "ab 12 34 56 c", "12345678Z", "X1234567L", "RSSMRA85T10A562S", "255081416802538", "529.982.247-25"),
    *("11010519491231002X", "131052-308T", "900307-1234561", "2345 6789 0124", "046-454-286", "85.07.30-033.28"),
    *(
        "756.9217.0769.85",
        "06 12 34 56 78",
        "0481 65 18 35",
        "06-6940808",
        "(1) 501-383",
        "abcd.ef01.2345",
        "dXNlci00NzEx",
        "NDcxMTQ3MTE",
    ),
    *("(0170) 1234567", "/home/x", "/USERS/x", "C:\\users\\x", "z:/Documents and Settings/x", "user-4711", "47114711"),
)
#: Long ones, which hide what they hold.
DISGUISED = (
    *("amFuZUBleGFtcGxlLm9yZw==", "%6Aane%40example.org", "\\u006aane\\u0040example.org", "&#106;ane&#x40;example.org"),
    *("ｊａｎｅ＠ｅｘａｍｐｌｅ．ｏｒｇ", "４１１１１１１１１１１１１１１１", "/hоmе/jane", "раssword=x"),
    *("ｕｓｅｒ－４７１１", "%252Fhome%252Fjane"),
)
PIECES = (
    *(
        "token",
        "secret",
        "[token]",
        "[ip]",
        "[",
        "]",
        "=",
        ":",
        "@",
        "%40",
        "&#64;",
        "://",
        "%3A%2F%2F",
        "authorization",
    ),
    *("Bearer ", "sk-", "0" * 20, "12", "3.4", "555-01", "+49 ", "00", "DE89", "3704 0044", "0532 0130 00", "4111"),
    *("-", " ", "\n", "/", "'", '"', "\\", "%3D", ".org", "mail", "a", "_", "é", "e\u0301", "\u200d", "\x1c", "\x00"),
)
#: What Python's engine and Rust's may tell apart: case beyond ASCII, digits, marks, spaces.
FOREIGN = {
    "s": "ſ",
    "k": "\u212a",
    "i": "ıİ",
    "@": "＠﹫",
    " ": "\u00a0\u0085\u2028\x1c\x1f\t",
    "-": "\u2010_",
    ".": "．",
}
DIGITS, MARKS = "²½٣３५", "\u0301\u200d\u00ad\u0903"
#: One of each sort to a pattern, and all that two engines may take for different sorts.
SORTS = "".join(sorted({*"0a_ .-:@\n\x1d\x1e", *"".join(FOREIGN.values()), *DIGITS, *MARKS}))


def edits(text: str) -> Iterator[str]:
    """Every text that one character added, left out or replaced makes of one."""
    for place in range(len(text) + 1):
        before, after = text[:place], text[place + 1 :]
        yield before + after
        for sort in SORTS:
            yield before + sort + after
            yield before + sort + text[place:]


def near_match(rng: Random) -> str:
    """One text: up to three matches and pieces, of which some characters are another's, missing or added."""
    text = "".join(
        rng.choice((*WHOLES, *DISGUISED) if rng.random() < 0.6 else PIECES) for _ in range(rng.randint(1, 3))
    )
    for _ in range(rng.choice((0, 0, 1, 1, 2, 4))):
        place = rng.randrange(len(text) + 1)
        before, at, after = text[:place], text[place : place + 1], text[place + 1 :]
        text = rng.choice(
            (
                before + _other(rng, at) + after,
                before + after,
                before + rng.choice(PIECES) + at + after,
                before + rng.choice(MARKS) + at + after,
                before + at.swapcase() + after.swapcase(),
            )
        )
    return text


def _other(rng: Random, character: str) -> str:
    if character.isdecimal():
        return rng.choice(DIGITS)
    return rng.choice(FOREIGN.get(character.lower(), character or " "))


def near_json(rng: Random, depth: int = 3) -> str:
    """The text of a JSON object, canonical or not."""
    colon, comma = rng.choice((":", ":", " : ")), rng.choice((",", ",", ", "))
    keys = [string(rng, telling_key(rng) if rng.random() < 0.7 else near_match(rng)) for _ in range(rng.randrange(4))]
    return "{" + comma.join(key + colon + near_json_value(rng, depth - 1) for key in sorted(keys)) + "}"


def near_json_value(rng: Random, depth: int = 2) -> str:
    """The text of any JSON value."""
    kind = rng.random()
    if depth and kind < 0.15:
        return near_json(rng, depth)
    if depth and kind < 0.2:
        pairs = f"[{string(rng, telling_key(rng))},{near_json_value(rng, depth - 1)}]", "[1,2]"
        return f"[{','.join(pairs[: rng.choice((1, 1, 2))])}]"
    if depth and kind < 0.22:
        return f'{{"name":{string(rng, telling_key(rng))},"value":{near_json_value(rng, depth - 1)}}}'
    if depth and kind < 0.3:
        return "[" + ",".join(near_json_value(rng, depth - 1) for _ in range(rng.randrange(3))) + "]"
    if kind < 0.4:
        return rng.choice(("null", "true", '""', "0", "-0.0", "[]", "{}"))
    return number(rng) if kind < 0.65 else string(rng, near_match(rng))


def string(rng: Random, text: str) -> str:
    """A text as JSON, with escapes that needn't be there now and then."""
    written = json.dumps(text, ensure_ascii=rng.random() < 0.2)
    return written.replace("/", "\\/") if rng.random() < 0.2 else written


def telling_key(rng: Random) -> str:
    """A key of words that make it sensitive, with something between them, or nearly so."""
    words = rng.choice((*SENSITIVE_PAIRS, (rng.choice(sorted(SENSITIVE_WORDS)),), ("a", "b")))
    glue = rng.choice(("", "", "_", "-", ".", " ", "/", "__", "\u0301", "é", "1", '"', ":", "Ids"))
    return glue.join(rng.choice((str, str.upper, str.title))(word) for word in words) + rng.choice(("", "", "s", "_1"))


def number(rng: Random) -> str:
    """A JSON number in any of the ways to write it: cards and ids, and those that writers write in different ways."""
    whole = rng.choice(("4111111111111111", "4222222222222", "47114711", "1999999999999999", str(rng.getrandbits(64))))
    point = rng.randint(1, len(whole))
    shift = len(whole) - point
    moved = f"{whole[:point]}.{whole[point:]}0"
    written = rng.choice((whole, f"{moved}e{shift}", f"{moved}E+{shift}", f"{whole}00e-02", f"{moved}e-{shift}"))
    grown = rng.choice((whole + ".0", whole + ".99999999999", whole * 2, f"0.0000{whole}", f"0.{whole}{whole}", moved))
    text = rng.choice((written, written, grown, repr(rng.random() * 10.0 ** rng.randint(-12, 24))))
    return rng.choice(("", "-")) + re.sub(r"^0+(?=\d)", "", text)
