"""Personal data and secrets taken out of one JSON value. The reference; `columns.py` decides who needs it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

import orjson
from pydantic_core import from_json

from tidegate_schemas.canonical import canonical_json
from tidegate_stream.gate.texts import Step, Told, scrub_text

SECRET = "[secret]"  # noqa: S105 - what stands for a secret
KEY_RULE = "key"
IN_NAME = " (name)"
"""Behind the path at which a name changed."""
MAX_ALIKE = 8
"""Members of an object whose names may become alike."""

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
_TRAITS_OF_PERSON = re.compile(r"(?i)name|mail|phone|tel|address|street|birth|user|login")


class MalformedJsonError(ValueError):
    """A text isn't the JSON that belongs there."""


@lru_cache(maxsize=10_000)
def sensitive_key(key: str) -> bool:
    """Whether a key names a secret: `authToken` and `api-key` do, `author` and `tokens_used` don't."""
    words = [word.lower() for word in WORD.findall(key)]
    return any(word in SENSITIVE_WORDS for word in words) or any(pair in SENSITIVE_PAIRS for pair in pairwise(words))


def scrub_json(value: object, known: re.Pattern[str] | None = None) -> object:
    """A JSON value with its texts, names and telling numbers scrubbed; the value of a sensitive key is replaced."""
    return JsonScrubber(known).value(value, "")


@dataclass(frozen=True)
class JsonScrubber:
    """Scrubs JSON values."""

    known: re.Pattern[str] | None = None
    allowed: Mapping[str, Set[str]] = field(default_factory=dict)
    """Names of patterns that are not looked for, by path; `key` stands for the look at the member's name."""
    told: Told | None = None

    def value(self, value: object, path: str) -> object:
        """The value that stands at a path, scrubbed."""
        match value:
            case str():
                return self._text(value, path)
            case bool() | None:
                return value
            case int() | float():
                text = str(value)
                return value if (clean := self._text(text, path)) == text else clean
            case dict():
                return self._object(value, path)
            case list():
                return self._list(value, path)
            case _:
                raise TypeError(f"no JSON value: {type(value).__name__}")

    def _text(self, text: str, path: str) -> str:
        return scrub_text(text, self.known, self.allowed.get(path, frozenset()), self.told, path)

    def _object(self, members: Mapping[str, object], path: str) -> dict[str, object]:
        named = named_secret(members)
        clean: dict[str, object] = {}
        for name, place in places({name: scrub_text(name, self.known) for name in members}).items():
            inner = f"{path}.{place}"
            if self.told is not None:
                scrub_text(name, self.known, told=self.told, path=inner + IN_NAME)
            clean[place] = self._member(named if named and name == "value" else name, members[name], inner)
        return clean

    def _list(self, items: list[object], path: str) -> list[object]:
        if pairs := named_pairs(items):
            return [[self.value(name, path), self._member(name, item, path)] for name, item in pairs]
        return [self.value(item, path) for item in items]

    def _member(self, name: str, item: object, path: str) -> object:
        if holds_secret(name, item) and KEY_RULE not in self.allowed.get(path, ()):
            if self.told is not None:
                self.told(Step(path, KEY_RULE, item, SECRET))
            return SECRET
        return self.value(item, path)


def places(names: Mapping[str, str]) -> dict[str, str]:
    """Where the members of an object go: `names` says what scrubbing makes of the name of each.

    A name that it leaves alone is kept. Of those that become alike, the first in the order of the raw names has the
    name as it is, others `_2` to `_8` behind it: so the sender's order doesn't matter. More of them are left out.
    """
    kept = {name: clean for name, clean in names.items() if name == clean}
    if len(kept) == len(names):
        return kept
    taken = set(kept)
    settled: dict[str, str] = {}
    for name in sorted(names.keys() - kept.keys()):
        clean = names[name]
        choices = (clean, *(f"{clean}_{number}" for number in range(2, MAX_ALIKE + 1)))
        if place := next((choice for choice in choices if choice not in taken), None):
            settled[name] = place
            taken.add(place)
    return {name: settled.get(name, name) for name in names if name in kept or name in settled}


def named_pairs(items: Sequence[object]) -> list[tuple[str, object]]:
    """Names with their values, if a list holds nothing else, as lists of headers and cookies do; else nothing."""
    pairs: list[tuple[str, object]] = []
    for item in items:
        if not (isinstance(item, list) and len(item) == 2 and isinstance(item[0], str)):
            return []
        pairs.append((item[0], item[1]))
    return pairs


def named_secret(members: Mapping[str, object]) -> str | None:
    """What a member called `value` is the value of, as the member `name` or `key` beside it says."""
    if "value" not in members:
        return None
    name = members.get("name", members.get("key"))
    return name if isinstance(name, str) else None


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
