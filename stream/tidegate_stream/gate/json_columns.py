"""JSON texts by column: each distinct text of a chunk is parsed once, each distinct string in it scrubbed once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import orjson
import polars as pl

from tidegate_schemas.canonical import MAX_DEPTH, canonical_json
from tidegate_stream.gate.patterns import SUSPECT_JSON
from tidegate_stream.gate.scrub import SECRET, MalformedJsonError, holds_secret, parse_json
from tidegate_stream.gate.triggers import changed_texts

UNLIKE = r"[\[:,]-?[0-9]+(?:\.[0-9]+)?e|0\.0000|[0-9]{19}"
"""Finds what has numbers that orjson and the canonical form may write in different ways."""
RETOLD = r"[\[:,\s]-?[0-9]+(?:\.[0-9]+)?[eE]|0\.0000|[0-9.]{17}"
"""Finds JSON with floats that Python may write in other digits than stand there."""


class ParsedTexts:
    """The values of a chunk's JSON texts. They are shared: whoever changes one makes a new one."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, type], object] = {}

    def malformed(self, texts: pl.Series, container: type) -> pl.Series:
        """Mark the texts that aren't JSON of a kind; no text isn't, either."""
        bad = [text for text in texts.unique().drop_nulls() if not self._parsed(text, container)]
        return texts.is_null() | texts.is_in(bad)

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
        pl.col("text").str.contains(SUSPECT_JSON).alias("suspect"),
        _unlike(pl.col("text")).alias("unlike"),
    )
    harmless = marks.filter(~pl.col("suspect"))
    changed = dict(_rewritten(harmless, container, parsed))
    suspect = marks.filter("suspect")["text"].to_list()
    values = [parsed.value(text, container) for text in suspect]
    clean = _clean_strings(values)
    changed.update(zip(suspect, written([_rebuilt(value, clean) for value in values]), strict=True))
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


def _clean_strings(values: Iterable[object]) -> dict[str, str]:
    """By string, key or number that stands anywhere in the values: what scrubbing makes of it, if it changes."""
    found: set[str] = set()
    for value in values:
        _collect(value, found)
    return changed_texts(pl.Series(list(found), dtype=pl.String))


def _collect(value: object, found: set[str]) -> None:
    if isinstance(value, str):
        found.add(value)
    elif isinstance(value, dict):
        found.update(value)
        for item in value.values():
            _collect(item, found)
    elif isinstance(value, list):
        for item in value:
            _collect(item, found)
    elif value is not None and not isinstance(value, bool):
        found.add(str(value))


def _rebuilt(value: object, clean: dict[str, str]) -> object:
    """As `scrub_json`, with the strings' scrubbing done."""
    if isinstance(value, str):
        return clean.get(value, value)
    if isinstance(value, dict):
        return {clean.get(key, key): _member(key, item, clean) for key, item in value.items()}
    if isinstance(value, list):
        return [_rebuilt(item, clean) for item in value]
    if value is None or isinstance(value, bool):
        return value
    return clean.get(str(value), value)


def _member(key: str, item: object, clean: dict[str, str]) -> object:
    return SECRET if holds_secret(key, item) else _rebuilt(item, clean)
