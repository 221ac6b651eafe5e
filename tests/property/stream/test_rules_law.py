"""A project's own rules do by column what they do by record."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.property.stream.near_records import near_records
from tests.property.stream.raw_records import records

from tidegate_schemas.columns import polars_schema
from tidegate_schemas.subjects import raw_schema
from tidegate_schemas.topics import KINDS, Kind
from tidegate_stream.gate import Gate, MemoryKeys, Records, Seen
from tidegate_stream.gate.keys import Pseudonymiser
from tidegate_stream.gate.plan import compile_plan
from tidegate_stream.gate.reference import clean_record, refusal_of
from tidegate_stream.gate.rules import Rules, parse_rules

KEYS = MemoryKeys({"default": b"k" * 32, "keyless": b"q" * 32}, bytes(range(32)))
laws = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))

PATTERNS = r"""
remove_keys = ["customer number", "note"]
[[projects.default.patterns]]
name = "word"
pattern = '(?i)\bthe author\b|jane'
[[projects.default.patterns]]
name = "digits"
pattern = '[0-9]{6}$|^0\.|47'
[[projects.default.patterns]]
name = "odd"
pattern = '[^\x00-\x7f]|\\'
"""
ALLOWANCES = r"""
stack_variables = true
[[projects.default.allow]]
path = "properties.a"
patterns = ["email", "card", "key"]
[[projects.default.allow]]
path = "properties.order_id"
patterns = ["phone", "ipv4", "assigned"]
[[projects.default.allow]]
path = "stack.vars.a"
patterns = ["email"]
[[projects.default.allow]]
path = "name"
patterns = ["email", "iban", "phone"]
[[projects.default.allow]]
path = "url"
patterns = ["email", "userinfo"]
"""
TEXTS = {
    "patterns": "[projects.default]" + PATTERNS,
    "allowances": "[projects.default]" + ALLOWANCES,
    "known names": '[projects.default]\nknown_properties = ["a", "order_id"]\nknown_attributes = []',
    "all": "[projects.keyless]\nremove_keys = ['a']\n[projects.default]\nknown_properties = ['a', 'name']"
    + PATTERNS
    + ALLOWANCES.replace("stack_variables = true", ""),
}
RULES = {name: parse_rules(text) for name, text in TEXTS.items()}


def assert_alike(kind: Kind, rules: Rules, rows: Sequence[dict[str, Any]]) -> None:
    plan, names = compile_plan(kind), Pseudonymiser(KEYS)
    frame = pl.DataFrame(list(rows), schema=dict(polars_schema(raw_schema(kind))), strict=False)
    chunk = Records(f"raw.{kind}", 1, range(len(rows)), [b"x"] * len(rows), [0] * len(rows))
    result = Gate(kind, KEYS, rules=rules).process(frame.with_row_index("_index"), [], chunk, Seen())
    passing = [row for row in rows if refusal_of(plan, KEYS, row) is None]
    assert result.clean.height == len(passing)
    for raw, got in zip(passing, result.clean.drop("source_offset").iter_rows(named=True), strict=True):
        expected = clean_record(plan, names, raw, rules)
        assert (raw, got) == (raw, {name: expected[name] for name in got})


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES.keys())
@pytest.mark.parametrize("kind", KINDS)
def test_columns_follow_rules_as_the_reference_does(kind: Kind, rules: Rules) -> None:
    distinct = st.lists(records(kind), min_size=1, max_size=6, unique_by=lambda row: row["event_id"].lower())

    @laws
    @given(distinct, st.integers(0, 2**32))
    def law(drawn: list[dict[str, Any]], seed: int) -> None:
        assert_alike(kind, rules, drawn)
        assert_alike(kind, rules, near_records(Random(seed), kind, 20))

    law()
