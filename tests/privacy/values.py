"""Personal data that nobody has: unique, from a seed, with check digits that hold, and with a core of its own."""

from __future__ import annotations

import base64
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from stdnum.it import codicefiscale

from tidegate_stream.gate.national_ids import CHECKS, luhn
from tidegate_stream.gate.patterns import IBAN_LENGTHS, mod97

TOKEN = string.ascii_letters + string.digits
SYLLABLES = (
    *("ba", "dor", "fel", "gri", "hun", "jas", "kel", "lom"),
    *("mir", "nov", "pel", "ros", "sut", "tar", "vik", "zen"),
)


@dataclass(frozen=True)
class Value:
    """What is planted, and the part of it that tells who or what it is: that part must not be found again."""

    text: str
    core: str


def digits(rng: Random, number: int) -> str:
    """So many digits, the first not 0."""
    return str(rng.randrange(10 ** (number - 1), 10**number))


def token(rng: Random, length: int, alphabet: str = TOKEN) -> str:
    """A random text."""
    return "".join(rng.choices(alphabet, k=length))


def word(rng: Random) -> str:
    """A name that no one has: letters, then a number that tells it from all others."""
    return "".join(rng.choices(SYLLABLES, k=3)) + token(rng, 6, string.digits)


def shaped(rng: Random, shape: str) -> str:
    """A text with a digit for each # and a hexadecimal one for each x."""
    return "".join(
        rng.choice(string.digits) if c == "#" else rng.choice("0123456789abcdef") if c == "x" else c for c in shape
    )


def email(rng: Random) -> Value:
    """Plain ones, with tags, quotes and dots, and domains of several kinds."""
    own = word(rng)
    local = rng.choice(("{}", "jane.{}", "{}+news", "o'{}", "x_{}", "{}-x")).format(own)
    return Value(
        f"{local}@{rng.choice(('example.org', 'mail.example.co.uk', 'bücher.example', 'a-b.example.shop'))}", own
    )


PHONES = (
    *("+49 170 #######", "+49 (30) 9#######", "+1 212-5##-####", "+1 (415) 5##-####", "(212) 5##-####", "212-5##-####"),
    *("212.5##.####", "0170 #######", "0049 170 #######", "+33 6 ## ## ## ##", "06 ## ## ## ##", "+44 20 7### ####"),
    *(
        "020 7### ####",
        "+91 98### #####",
        "+81 90-####-####",
        "090-####-####",
        "+86 138 #### ####",
        "+55 (11) 9####-####",
    ),
    *("+7 (912) ###-##-##", "+4917########", "+1415#######", "+39 06 #### ####", "+353 1 ### ####"),
    *("0481 ## ## ##", "06-########", "(11) 4###-####", "(08) 9### ####"),
)


def phone(rng: Random) -> Value:
    """As people in several countries write their number."""
    text = shaped(rng, rng.choice(PHONES))
    return Value(text, text)


CARDS = (("4", 16), ("51", 16), ("2221", 16), ("34", 15), ("6011", 16), ("36", 14), ("35", 16), ("4", 13), ("62", 19))


def card(rng: Random) -> Value:
    """Valid by Luhn: Visa, Mastercard, American Express, Discover, Diners, JCB, UnionPay."""
    begin, length = rng.choice(CARDS)
    body = begin + digits(rng, length - len(begin) - 1)
    number = next(body + check for check in string.digits if luhn(body + check))
    glue = rng.choice(("", " ", "-"))
    cuts = (4, 10, 15) if length == 15 else (4, 8, 12, 16)
    parts = [number[a:b] for a, b in zip((0, *cuts), (*cuts, None), strict=True)]
    return Value(glue.join(part for part in parts if part), number)


def iban(rng: Random) -> Value:
    """Of every country, valid by mod 97, in one piece or in fours."""
    country = rng.choice(sorted(IBAN_LENGTHS))
    body = digits(rng, IBAN_LENGTHS[country] - 4)
    number = next(found for check in range(2, 99) if mod97(found := f"{country}{check:02d}{body}"))
    fours = " ".join(number[place : place + 4] for place in range(0, len(number), 4))
    return Value(rng.choice((number, fours)), number)


def us_ssn(rng: Random) -> Value:
    """An American's number of social security."""
    text = f"{rng.randrange(100, 666)}-{rng.randrange(10, 100)}-{rng.randrange(1000, 10000)}"
    return Value(text, text)


_ID_SHAPES = {
    "gb": "AB######C",
    "es": "########?",
    "fr": "1 ## 05 ## ### ### ##",
    "br": "###.###.###-##",
    "cn": "110105194912######",
    "fi": "1310##-###?",
    "kr": "900#1#-1######",
    "in": "2### #### ####",
    "ca": "1##-###-###",
    "be": "85.07.##-###.##",
    "ch": "756.####.####.##",
}


def national_id(rng: Random) -> Value:
    """Of twelve countries, drawn until its check holds."""
    country = rng.choice(sorted(CHECKS))
    if country == "it":
        body = (
            f"{token(rng, 6, string.ascii_uppercase)}{shaped(rng, '##')}A{rng.randrange(10, 29)}H{shaped(rng, '###')}"
        )
        text = body + codicefiscale.calc_check_digit(body)
        return Value(text, text)
    check = CHECKS[country][1]
    while True:
        text = shaped(rng, _ID_SHAPES[country]).replace("?", rng.choice("TRWAGMYFPDXBNJZSQVHLCKE"))
        if country == "kr":
            text = f"90{rng.randrange(1, 13):02d}{rng.randrange(10, 29)}{text[6:]}"
        if country == "cn":
            text = f"1101051949{rng.randrange(1, 13):02d}{rng.randrange(10, 29)}{shaped(rng, '####')}"
        bare = text.replace(" ", "").replace(".", "")
        if check(bare if country == "fi" else bare.replace("-", "")):
            return Value(text, text)


def ipv4(rng: Random) -> Value:
    """Four octets of three digits, so that it is no version."""
    text = ".".join(str(rng.randrange(100, 256)) for _ in range(4))
    return Value(text, text)


def ipv6(rng: Random) -> Value:
    """Whole, or shortened."""
    parts = [f"{rng.randrange(0x1000, 0x10000):x}" for _ in range(6)]
    text = rng.choice(
        (":".join(("2001", "db8", *parts)), f"2001:db8::{':'.join(parts[:4])}", f"fe80::{':'.join(parts[:4])}")
    )
    return Value(text, text)


def mac(rng: Random) -> Value:
    """With colons, dashes or points."""
    pairs = [f"{rng.randrange(256):02x}" for _ in range(6)]
    fours = [pairs[0] + pairs[1], pairs[2] + pairs[3], pairs[4] + pairs[5]]
    text = rng.choice((":".join(pairs), "-".join(pairs), ".".join(fours)))
    return Value(rng.choice((text, text.upper())), text)


def jwt(rng: Random) -> Value:
    """Three parts of base64."""
    own = word(rng)
    parts = (b'{"alg":"HS256","typ":"JWT"}', f'{{"sub":"{own}"}}'.encode(), rng.randbytes(24))
    text = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    return Value(text, text.rpartition(".")[2])


def bearer(rng: Random) -> Value:
    """A header's value, with or without its name."""
    own = token(rng, 24)
    return Value(rng.choice(("Bearer {}", "Authorization: Bearer {}", "bearer {}")).format(own), own)


def basic(rng: Random) -> Value:
    """User and password as HTTP has them."""
    own = base64.b64encode(f"jane:{token(rng, 12)}".encode()).decode()
    return Value(f"Basic {own}" if own.endswith("=") else f"Authorization: Basic {own}", own)


API_KEYS: Mapping[str, int] = {
    **{"sk_live_": 24, "rk_live_": 24, "sk-proj-": 40, "sk-ant-": 40, "ghp_": 36, "github_pat_": 40, "xoxb-": 30},
    **{"glpat-": 20, "npm_": 36, "hf_": 34, "ya29.": 40, "EAAC": 40, "AIza": 35, "shpat_": 32, "dop_v1_": 48},
    **{"pypi-AgEIcHlwaS5vcmc": 60, "xapp-1-": 30, "dckr_pat_": 27, "sq0atp-": 22, "whsec_": 32, "key-": 32},
}


def api_key(rng: Random) -> Value:
    """Of the shapes that well-known services give their keys."""
    begin = rng.choice((*API_KEYS, "AKIA", "SG."))
    if begin == "AKIA":
        own = token(rng, 16, string.ascii_uppercase + string.digits)
    elif begin == "SG.":
        own = f"{token(rng, 22)}.{token(rng, 43)}"
    elif begin == "key-":
        own = token(rng, 32, "0123456789abcdef")
    else:
        own = token(rng, API_KEYS[begin])
    return Value(begin + own, own)


def pem(rng: Random) -> Value:
    """A block of a private key."""
    own = token(rng, 48)
    return Value(f"-----BEGIN PRIVATE KEY-----\nMIIB{own}\n-----END PRIVATE KEY-----", own)


def userinfo(rng: Random) -> Value:
    """The password of an address."""
    own = token(rng, 14)
    shape = rng.choice(("https://jane:{}@example.org/a", "postgres://shop:{}@db:5432/x", "redis://:{}@cache:6379/0"))
    return Value(shape.format(own), own)


def user_path(rng: Random) -> Value:
    """A home folder."""
    own = word(rng)
    shape = rng.choice(
        ("/home/{}/app.py", "/Users/{}/src/a.ts", "C:\\Users\\{}\\app.py", "file:///home/{}/x", "C:/Users/{}/x")
    )
    return Value(shape.format(own), own)


ASSIGNED = (
    *("password={}", "passwd: {}", '"api_key": "{}"', "token={}", "client_secret={}", "pwd={};", "access_token={}&x=1"),
    *(
        "Cookie: sid={}",
        "Set-Cookie: sessionid={}; Path=/",
        "csrftoken={}",
        "sessionid={}",
        "PHPSESSID={}",
        "x-api-key: {}",
    ),
    *(
        "authorization={}",
        "otp={}",
        "private_key='{}'",
        "AWS_SECRET_ACCESS_KEY={}",
        "DB_PASSWORD={}",
        "refresh_token={}",
    ),
)


def assigned(rng: Random) -> Value:
    """A secret after its name."""
    own = token(rng, 18)
    return Value(rng.choice(ASSIGNED).format(own), own)


def name(rng: Random) -> Value:
    """First and last name, such as no rule can tell from other words."""
    first, last = (
        ("".join(rng.choices(SYLLABLES, k=3)) + token(rng, 4, string.ascii_lowercase)).title() for _ in range(2)
    )
    return Value(f"{first} {last}", last)


def address(rng: Random) -> Value:
    """A street and a town."""
    street = "".join(rng.choices(SYLLABLES, k=3)).title() + token(rng, 5, string.ascii_lowercase)
    return Value(f"{street}straße {rng.randrange(1, 200)}, {digits(rng, 5)} Kiel", street)


def bare_phone(rng: Random) -> Value:
    """A phone number with nothing that says so."""
    own = digits(rng, 11)
    return Value(own, own)


KINDS: Mapping[str, Callable[[Random], Value]] = {
    "email": email,
    "phone": phone,
    "card": card,
    "iban": iban,
    "us_ssn": us_ssn,
    "national_id": national_id,
    "ipv4": ipv4,
    "ipv6": ipv6,
    "mac": mac,
    "jwt": jwt,
    "bearer": bearer,
    "basic": basic,
    "api_key": api_key,
    "pem": pem,
    "userinfo": userinfo,
    "user_path": user_path,
    "assigned": assigned,
    "name": name,
    "address": address,
    "bare_phone": bare_phone,
}
"""Kinds that any text may hold. `known`, what the same event carries as an id, depends on its event."""
UNCLAIMED_KINDS = frozenset({"name", "address", "bare_phone"})
"""What no rule tells from harmless words and numbers; its recall is measured."""
CASELESS = frozenset({"email", "iban", "ipv6", "mac", "user_path", "known", "national_id"})
"""Kinds that are the same in capitals; a secret isn't."""
