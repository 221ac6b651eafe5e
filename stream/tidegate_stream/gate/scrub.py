"""Personal data and secrets taken out of one text or JSON value. The reference; `columns.py` decides who needs it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from urllib.parse import quote

import orjson
from pydantic_core import from_json

from tidegate_schemas.canonical import canonical_json
from tidegate_stream.gate.disguise import BASE64, LAYERS, folded, from_base64, unescaped
from tidegate_stream.gate.patterns import PATTERNS, Pattern

KNOWN_MIN_LENGTH = 4
"""A shorter id would take harmless words and numbers with it."""
KNOWN = "[id]"
ENCODED = "[base64]"
SHORTEST_BASE64 = 12
SECRET = "[secret]"  # noqa: S105 - what stands for a secret

SENSITIVE_WORDS = frozenset(
    [
        "password",
        "passwd",
        "passphrase",
        "passcode",
        "pwd",
        "secret",
        "secrets",
        "token",
        "auth",
        "authorization",
        "authentication",
        "credential",
        "credentials",
        "apikey",
        "otp",
        "totp",
        "2fa",
        "mfa",
        "csrf",
        "xsrf",
        "cookie",
        "cookies",
        "sessid",
        "sessionid",
        "phpsessid",
        "jsessionid",
        "cvv",
        "cvc",
        "authtoken",
        "accesstoken",
        "refreshtoken",
        "privatekey",
        "accesskey",
        "secretkey",
        "csrftoken",
        "xsrftoken",
        "sessionkey",
    ]
)
SENSITIVE_PAIRS = frozenset(
    (("api", "key"), ("private", "key"), ("access", "key"), ("session", "key"), ("session", "id"), ("two", "factor"))
)
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+[a-z]*|[^\W\d_a-zA-Z]+")
_RANDOM_PRODUCER = re.compile(r"(?:[a-z]{1,16}:)?[0-9a-f]{32}\Z")
_TRAITS_OF_PERSON = re.compile(r"(?i)name|mail|phone|tel|address|street|birth|user|login")


class MalformedJsonError(ValueError):
    """A text isn't the JSON that belongs there."""


@lru_cache(maxsize=10_000)
def sensitive_key(key: str) -> bool:
    """Whether a key names a secret: `authToken` and `api-key` do, `author` and `tokens_used` don't."""
    words = [word.lower() for word in WORD.findall(key)]
    return any(word in SENSITIVE_WORDS for word in words) or any(pair in SENSITIVE_PAIRS for pair in pairwise(words))


def known_pattern(known: Iterable[str | None]) -> re.Pattern[str] | None:
    """What finds an event's own ids in its texts, as whole words in any case, percent-encoded too."""
    texts = {
        text for value in known if value and len(value) >= KNOWN_MIN_LENGTH for text in (value, quote(value, safe=""))
    }
    if not texts:
        return None
    choices = "|".join(_whole(text) for text in sorted(texts, key=lambda text: (-len(text), text)))
    return re.compile(rf"(?<!\w)(?:{choices})(?!\w)", re.IGNORECASE)


def _whole(text: str) -> str:
    """What finds an id; one with an @ only where it isn't the end of a longer address, which goes whole."""
    return (r"(?<![.%+'-])" if "@" in text or "%40" in text else "") + re.escape(text)


def scrub_text(text: str, known: re.Pattern[str] | None = None) -> str:
    """A text without the event's own ids and without what any of `PATTERNS` finds, however it is written there.

    Escapes are undone only where something was behind them, and a letter stays the one that it is.
    """
    return scrub_by(text, known, lambda _: PATTERNS)


PatternsOf = Callable[[str], Sequence[Pattern]]
Replacement = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]


def scrub_by(text: str, known: re.Pattern[str] | None, patterns_of: PatternsOf) -> str:
    """`scrub_text` by those patterns of which `patterns_of` says that they may match a text."""
    clean = layer = _seen_through(text, known, patterns_of)
    for _ in range(LAYERS):
        plain = unescaped(layer)
        if plain == layer:
            break
        layer = _seen_through(plain, known, patterns_of)
        if layer != plain:
            clean = layer
    return clean


def _seen_through(text: str, known: re.Pattern[str] | None, patterns_of: PatternsOf) -> str:
    """One layer: beyond ASCII first as a reader takes it, who sees most, then as it stands there."""
    if not text.isascii() and (seen := folded(text)) != text:
        for find, replace in _replacements(seen, known, patterns_of):
            text, seen = _both(find, replace, text, seen)
    for find, replace in _replacements(text, known, patterns_of):
        text = find.sub(replace, text)
    return text


def _replacements(text: str, known: re.Pattern[str] | None, patterns_of: PatternsOf) -> Iterator[Replacement]:
    """What to look for, in this order, and what stands instead. Base64 is last: a token's parts are some, too."""
    if known is not None:
        yield known, lambda _: KNOWN
    for pattern in patterns_of(text):
        yield pattern.find, pattern.replace
    if len(text) >= SHORTEST_BASE64:
        yield BASE64, lambda match: _hidden(match, known, patterns_of)


def _hidden(match: re.Match[str], known: re.Pattern[str] | None, patterns_of: PatternsOf) -> str:
    plain = from_base64(match[0])
    return match[0] if _seen_through(plain, known, patterns_of) == plain else ENCODED


def _both(find: re.Pattern[str], replace: Callable[[re.Match[str]], str], text: str, seen: str) -> tuple[str, str]:
    """Replace in a text what is found in its double, and in the double, so that both stay of one length."""
    parts: list[str] = []
    doubles: list[str] = []
    end = 0
    for match in find.finditer(seen):
        instead = replace(match)
        if instead != match[0]:
            parts += text[end : match.start()], instead
            doubles += seen[end : match.start()], instead
            end = match.end()
    return "".join((*parts, text[end:])), "".join((*doubles, seen[end:]))


@lru_cache(maxsize=10_000)
def telling_producer(producer_id: str) -> bool:
    """Whether a producer's name holds what a text may not. Random ones, as our own producers have, hold nothing."""
    return not _RANDOM_PRODUCER.match(producer_id) and scrub_text(producer_id) != producer_id


def scrub_url(text: str, known: re.Pattern[str] | None = None) -> str:
    """An address without query, fragment and what `scrub_text` takes."""
    return scrub_text(bare_url(text), known)


def bare_url(text: str) -> str:
    """An address up to its query or fragment, encoded ones too."""
    return re.split(r"[?#]|%3[Ff]|%23", text, maxsplit=1)[0]


def scrub_json(value: object, known: re.Pattern[str] | None = None) -> object:
    """A JSON value with its texts, keys and telling numbers scrubbed; the value of a sensitive key is replaced."""
    match value:
        case str():
            return scrub_text(value, known)
        case bool() | None:
            return value
        case int() | float():
            text = str(value)
            return value if (clean := scrub_text(text, known)) == text else clean
        case dict():
            return {scrub_text(key, known): _member(key, item, known) for key, item in value.items()}
        case list():
            return [scrub_json(item, known) for item in value]
        case _:
            raise TypeError(f"no JSON value: {type(value).__name__}")


def _member(key: str, item: object, known: re.Pattern[str] | None) -> object:
    return SECRET if holds_secret(key, item) else scrub_json(item, known)


def holds_secret(key: str, item: object) -> bool:
    """Whether a member is to be replaced for its key's sake."""
    return sensitive_key(key) and not tells_nothing(item)


def tells_nothing(item: object) -> bool:
    """Whether a value is no secret, whatever its key says."""
    return item is None or isinstance(item, bool) or item == ""


def parse_json(text: str, container: type) -> object:
    """The value of a JSON text, which must be a dict or a list; MalformedJsonError if it isn't."""
    try:
        value = orjson.loads(text)
    except ValueError:
        try:  # integers past 64 bits
            value = from_json(text, allow_inf_nan=False)
        except ValueError as error:
            raise MalformedJsonError from error
    if not isinstance(value, container):
        raise MalformedJsonError
    return value


def scrub_json_text(text: str, container: type, known: re.Pattern[str] | None = None) -> str:
    """A JSON text scrubbed and canonical; MalformedJsonError if it isn't JSON of that kind."""
    return canonical_json(scrub_json(parse_json(text, container), known))


def personal_traits(text: str) -> Sequence[str]:
    """Values in an identify's traits that tell who it is: names, addresses, numbers. They are ids of the event too."""
    try:
        traits = parse_json(text, dict)
    except MalformedJsonError:
        return ()
    found: list[str] = []

    def collect(value: object, telling: bool) -> None:
        match value:
            case dict():
                for key, item in value.items():
                    collect(item, telling or bool(_TRAITS_OF_PERSON.search(key)))
            case list():
                for item in value:
                    collect(item, telling)
            case str() if telling:
                found.append(value)
            case _:
                return

    collect(traits, telling=False)
    return found
