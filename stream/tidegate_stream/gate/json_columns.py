"""JSON texts by column: each distinct text of a chunk is parsed once, each distinct string in it scrubbed once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import orjson
import polars as pl

from tidegate_schemas.canonical import MAX_DEPTH, canonical_json
from tidegate_stream.gate.patterns import SUSPECT_JSON
from tidegate_stream.gate.scrub import (
    SECRET,
    MalformedJsonError,
    named_pairs,
    named_secret,
    parse_json,
    places,
    sensitive_key,
    tells_nothing,
)
from tidegate_stream.gate.triggers import changed_texts, suspects

UNLIKE = r"[\[:,]-?[0-9]+(?:\.[0-9]+)?e|0\.0000|[0-9]{19}"
"""Finds what has numbers that orjson and the canonical form may write in different ways."""
RETOLD = r"[\[:,\s]-?[0-9]+(?:\.[0-9]+)?[eE]|0\.0000|[0-9.]{17}"
"""Finds JSON with floats that Python may write in other digits than stand there."""
SHORT = 10**12
"""A number nearer to zero has 12 digits before its point at most, and no pattern finds anything in it."""

NUMBERS = frozenset((int, float))
"""Their types; a bool is none."""


class ParsedTexts:
    """The values of a chunk's JSON texts. They are shared: whoever changes one makes a new one."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, type], object] = {}

    def malformed(self, texts: pl.Series, container: type) -> list[str]:
        """The texts that aren't JSON of a kind."""
        return [text for text in texts.unique().drop_nulls() if not self._parsed(text, container)]

    def value(self, text: str, container: type) -> object:
        """The value of a text that isn't malformed."""
        return self._values[text, container]

    def _parsed(self, text: str, container: type) -> bool:
        try:
            self._values[text, container] = parse_json(text, container)
        except MalformedJsonError:
            return False
        return True


def scrubbed(texts: pl.Series, container: type, parsed: ParsedTexts) -> pl.Series:
    """Each text as `scrub_json_text` writes it, without regard to own ids."""
    distinct = texts.unique()
    marks = distinct.to_frame("text").select(
        "text",
        suspects(distinct, SUSPECT_JSON).alias("suspect"),
        _unlike(pl.col("text")).alias("unlike"),
    )
    harmless = marks.filter(~pl.col("suspect"))
    changed = dict(_rewritten(harmless, container, parsed))
    suspect = marks.filter("suspect")["text"].to_list()
    values = [parsed.value(text, container) for text in suspect]
    changed.update(zip(suspect, written(list(map(_Scrubbing(values), values))), strict=True))
    if not changed:
        return texts
    return texts.replace(list(changed), list(changed.values()))


def _rewritten(texts: pl.DataFrame, container: type, parsed: ParsedTexts) -> Iterator[tuple[str, str]]:
    """Those that aren't canonical, and what they are then."""
    for text, unlike in texts.select("text", "unlike").iter_rows():
        value = parsed.value(text, container)
        if unlike or orjson.dumps(value, option=orjson.OPT_SORT_KEYS) != text.encode():
            yield text, canonical_json(value)


def written(values: Sequence[object]) -> Iterable[str]:
    """Canonical texts of values. orjson writes the same, but for a few numbers, and nests deeper."""
    texts = pl.Series([_by_orjson(value) for value in values], dtype=pl.String)
    unlike = texts.is_null() | texts.to_frame("text").select(_unlike(pl.col("text"))).to_series()
    return (canonical_json(value) if again else text for value, text, again in zip(values, texts, unlike, strict=True))


def _unlike(text: pl.Expr) -> pl.Expr:
    """Whether orjson's text may not be the canonical one."""
    return text.str.contains(UNLIKE) | (text.str.count_matches(r"[\[{]") > MAX_DEPTH)


def _by_orjson(value: object) -> str | None:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:  # integers past 64 bits
        return None


class _Scrubbing:
    """What scrubbing changes in the values of a chunk: keys, strings and numbers, by text, and which keys tell."""

    def __init__(self, values: Iterable[object]) -> None:
        keys: set[str] = set()
        strings: set[str] = set()
        for value in values:
            _collect(value, keys, strings)
        self._telling = {key for key in keys if sensitive_key(key)}
        self._clean = changed_texts(pl.Series(list(keys | strings), dtype=pl.String))
        self._marked = keys & (self._telling | self._clean.keys()) | {"value"}

    def __call__(self, value: object) -> object:
        """The value as `scrub_json` gives it."""
        if type(value) is dict:
            return self._object(value)
        if type(value) is list:
            return self._list(value)
        if type(value) is str:
            return self._clean.get(value, value)
        return self._clean.get(str(value), value) if _long_number(value) else value

    def _object(self, members: dict[str, object]) -> dict[str, object]:
        clean = self._clean
        if self._marked.isdisjoint(members):  # as nearly always: no key tells, none is renamed, none stands for others
            return {
                key: clean.get(item, item) if type(item) is str else self._item(item) for key, item in members.items()
            }
        scrubbed_members: dict[str, object] = {}
        renamed = False
        named = named_secret(members) in self._telling
        for key, item in members.items():
            scrubbed_members[key] = self._member(key, item, telling=named and key == "value")
            renamed = renamed or key in clean
        if not renamed:
            return scrubbed_members
        settled = places({key: clean.get(key, key) for key in members})
        return {place: scrubbed_members[key] for key, place in settled.items()}

    def _member(self, key: str, item: object, *, telling: bool) -> object:
        if (telling or key in self._telling) and not tells_nothing(item):
            return SECRET
        return self._item(item)

    def _item(self, item: object) -> object:
        """As for the value itself, the commonest first."""
        if type(item) is str:
            return self._clean.get(item, item)
        if type(item) in NUMBERS and -SHORT < item < SHORT:  # type: ignore[operator]
            return item
        return self(item)

    def _list(self, items: list[object]) -> list[object]:
        if pairs := named_pairs(items):
            return [[self(name), self._member(name, item, telling=False)] for name, item in pairs]
        return [self(item) for item in items]


def _collect(value: object, keys: set[str], strings: set[str]) -> None:
    """Gather the texts that stand anywhere in a value, and its long numbers as texts; `keys` are those that name."""
    items: Iterable[object]
    if type(value) is dict:
        keys.update(value)
        if name := named_secret(value):
            keys.add(name)
        items = value.values()
    elif type(value) is list:
        items = value
        keys.update(name for name, _ in named_pairs(value))
    else:
        items = (value,)
    for item in items:
        kind = type(item)
        if kind is str:
            strings.add(item)  # type: ignore[arg-type]
        elif kind is dict or kind is list:
            _collect(item, keys, strings)
        elif kind in NUMBERS and _long_number(item):
            strings.add(str(item))


def _long_number(value: object) -> bool:
    """Whether a value is a number with the digits of a card; no other pattern needs digits alone."""
    return isinstance(value, (int, float)) and not -SHORT < value < SHORT
