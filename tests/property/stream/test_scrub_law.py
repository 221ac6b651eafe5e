"""Scrubbing by column is scrubbing as the reference does it, most of all for texts that nearly match a pattern."""

from __future__ import annotations

import re
import sys
from random import Random

import orjson
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.property.stream.near_matches import WHOLES, edits, near_json, near_match
from tests.property.stream.raw_records import texts

from tidegate_stream.gate.json_columns import ParsedTexts, scrubbed
from tidegate_stream.gate.known import Known
from tidegate_stream.gate.patterns import SUSPECT, SUSPECT_JSON
from tidegate_stream.gate.plan import compile_plan
from tidegate_stream.gate.scrub import SENSITIVE_PAIRS, SENSITIVE_WORDS, scrub_json_text, sensitive_key
from tidegate_stream.gate.texts import known_pattern, scrub_text
from tidegate_stream.gate.triggers import scrub_suspect, suspects

BATCH = 200
laws = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
seeds = st.integers(0, 2**32)
IDS = ("47114711", "user-4711", "jane", '"j"ane', "Jane Doe", "4111111111111111.0", "e+19", "1.5e-05", "0.12345", "e")


def assert_scrubbed(drawn: list[str]) -> None:
    """Texts are suspect if the reference changes them, and by the triggered patterns become what it makes of them."""
    suspect = suspects(pl.Series(drawn, dtype=pl.String), SUSPECT).to_list()
    for text, told in zip(drawn, suspect, strict=True):
        clean = scrub_text(text)
        assert (text, scrub_suspect(text)) == (text, clean)
        assert (text, told or clean == text) == (text, True)


@settings(max_examples=200, deadline=None)
@given(texts)
def test_every_text_that_scrubbing_changes_is_suspect(text: str) -> None:
    assert_scrubbed([text])


@laws
@given(seeds)
def test_so_is_every_text_that_nearly_matches(seed: int) -> None:
    rng = Random(seed)
    assert_scrubbed([near_match(rng) for _ in range(BATCH)])


def test_so_is_every_text_one_character_away_from_a_match() -> None:
    for whole in WHOLES:
        assert_scrubbed(list(set(edits(whole))))


def test_every_key_that_tells_makes_its_json_suspect_and_so_does_each_one_character_away() -> None:
    words = [*SENSITIVE_WORDS, *map("_".join, SENSITIVE_PAIRS), *map("".join, SENSITIVE_PAIRS)]
    keys = {key for word in words for form in (word, word.upper(), word.title()) for key in edits(form)}
    telling = pl.Series([orjson.dumps({key: "x"}).decode() for key in keys if sensitive_key(key)])
    assert telling.filter(~telling.str.contains(SUSPECT_JSON)).to_list() == []


@pytest.mark.parametrize("group", ["\\d", "\\s"])
def test_what_python_takes_for_a_digit_or_a_space_rust_does_too(group: str) -> None:
    characters = pl.Series([chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000])
    others = characters.filter(~characters.str.contains(group))
    # SUSPECT names the four.
    assert set(re.findall(group, "".join(others))) <= set("\x1c\x1d\x1e\x1f")


@laws
@given(seeds)
def test_json_by_column_is_json_by_record(seed: int) -> None:
    rng = Random(seed)
    drawn = [near_json(rng) for _ in range(BATCH)]
    parsed, column = ParsedTexts(), pl.Series(drawn)
    assert not parsed.malformed(column, dict)
    for text, clean in zip(drawn, scrubbed(column, dict, parsed), strict=True):
        assert (text, clean) == (text, scrub_json_text(text, dict))


@laws
@given(seeds)
def test_own_ids_leave_texts_and_json_however_they_are_written(seed: int) -> None:
    rng = Random(seed)
    ids = [rng.choice(IDS) for _ in range(BATCH)]
    drawn = [near_json(rng) for _ in ids]
    names = [near_match(rng) for _ in ids]
    plan, parsed = compile_plan("track"), ParsedTexts()
    others = {name: pl.lit(None, dtype=pl.String) for name in plan.known if name != "user_id"}
    frame = pl.DataFrame({"user_id": ids, "name": names, "properties": drawn, "traits": "{}"}).with_columns(**others)
    parsed.malformed(frame["properties"], dict)
    known = Known(plan, frame)
    json, [text] = known.scrub_json("properties", parsed), known.scrub_texts(frame.select("name"))
    for row, own in enumerate(map(known_pattern, zip(ids, strict=True))):
        assert (drawn[row], json[row]) == (drawn[row], scrub_json_text(drawn[row], dict, own))
        assert (names[row], text[row]) == (names[row], scrub_text(names[row], own))
