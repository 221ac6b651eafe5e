"""Personal data and secrets taken out of one text, however they are written there. The reference."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import quote

from tidegate_stream.gate.disguise import BASE64, LAYERS, folded, from_base64, unescaped
from tidegate_stream.gate.patterns import PATTERNS, Pattern

KNOWN_MIN_LENGTH = 4
"""A shorter id would take harmless words and numbers with it."""
KNOWN = "[id]"
KNOWN_RULE = "own id"
BASE64_RULE = "base64"
ENCODED = "[base64]"
SHORTEST_BASE64 = 12
_RANDOM_PRODUCER = re.compile(r"(?:[a-z]{1,16}:)?[0-9a-f]{32}\Z")


@dataclass(frozen=True)
class Step:
    """What one rule did at a path: the clean names of members with dots between them; lists add nothing to it.

    `before` may be personal. `after` is None where something was left out.
    """

    path: str
    rule: str
    before: object = field(repr=False)
    after: object


Told = Callable[[Step], None]
"""Who wants to know why something changed."""


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


def scrub_text(
    text: str,
    known: re.Pattern[str] | None = None,
    allowed: Set[str] = frozenset(),
    told: Told | None = None,
    path: str = "",
) -> str:
    """A text without the event's own ids and without what any of `PATTERNS` finds, however it is written there.

    Escapes are undone only where something was behind them, and a letter stays the one that it is. Patterns named in
    `allowed` are left out. `told` hears of each rule that changed something.
    """
    chosen = tuple(pattern for pattern in PATTERNS if pattern.name not in allowed) if allowed else PATTERNS
    return scrub_by(text, known, lambda _: chosen, lambda rule, old, new: noted(path, old, new, rule, told))


def noted(path: str, before: str, after: str, rule: str, told: Told | None) -> str:
    """What a rule made of a text; told if that is something else."""
    if told is not None and before != after:
        told(Step(path, rule, before, after))
    return after


PatternsOf = Callable[[str], Sequence[Pattern]]
Replacement = tuple[str, re.Pattern[str], Callable[[re.Match[str]], str]]
"""The rule's name, what it finds, and what it puts there."""
Hears = Callable[[str, str, str], object]
"""Is told a rule, and a text before and after it."""


def _deaf(rule: str, before: str, after: str) -> None:
    pass


def scrub_by(text: str, known: re.Pattern[str] | None, patterns_of: PatternsOf, hears: Hears = _deaf) -> str:
    """`scrub_text` by those patterns of which `patterns_of` says that they may match a text."""
    clean = layer = _seen_through(text, known, patterns_of, hears)
    for _ in range(LAYERS):
        plain = unescaped(layer)
        if plain == layer:
            break
        layer = _seen_through(plain, known, patterns_of, hears)
        if layer != plain:
            clean = layer
    return clean


def _seen_through(text: str, known: re.Pattern[str] | None, patterns_of: PatternsOf, hears: Hears) -> str:
    """One layer: beyond ASCII first as a reader takes it, who sees most, then as it stands there."""
    if not text.isascii() and (seen := folded(text)) != text:
        for rule, find, replace in _replacements(seen, known, patterns_of):
            before = text
            text, seen = _both(find, replace, text, seen)
            hears(rule, before, text)
    for rule, find, replace in _replacements(text, known, patterns_of):
        before, text = text, find.sub(replace, text)
        hears(rule, before, text)
    return text


def _replacements(text: str, known: re.Pattern[str] | None, patterns_of: PatternsOf) -> Iterator[Replacement]:
    """What to look for, in this order, and what stands instead. Base64 is last: a token's parts are some, too."""
    if known is not None:
        yield KNOWN_RULE, known, lambda _: KNOWN
    for pattern in patterns_of(text):
        yield f"pattern {pattern.name}", pattern.find, pattern.replace
    if len(text) >= SHORTEST_BASE64:
        yield BASE64_RULE, BASE64, lambda match: _hidden(match, known, patterns_of)


def _hidden(match: re.Match[str], known: re.Pattern[str] | None, patterns_of: PatternsOf) -> str:
    plain = from_base64(match[0])
    return match[0] if _seen_through(plain, known, patterns_of, _deaf) == plain else ENCODED


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


def bare_url(text: str) -> str:
    """An address up to its query or fragment, encoded ones too."""
    return re.split(r"[?#]|%3[Ff]|%23", text, maxsplit=1)[0]
