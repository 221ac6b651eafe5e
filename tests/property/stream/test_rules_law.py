"""A project's own rules do by column what they do by record, and `explain` tells of all that they do."""

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

from tidegate_schemas.canonical import canonical_json
from tidegate_schemas.columns import polars_schema
from tidegate_schemas.subjects import raw_schema
from tidegate_schemas.topics import KINDS, Kind
from tidegate_stream.gate import Gate, MemoryKeys, Records, Seen
from tidegate_stream.gate.explain import Explanation, explain
from tidegate_stream.gate.plan import JSON, Plan, compile_plan
from tidegate_stream.gate.reference import refusal_of
from tidegate_stream.gate.rules import Rules, columns, parse_rules
from tidegate_stream.gate.scrub import parse_json

KEYS = MemoryKeys({"default": b"k" * 32, "keyless": b"q" * 32}, bytes(range(32)))
laws = settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))

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
    "all": "[projects.keyless]\nremove_keys = ['a']\n[projects.default]\n"
    + "known_properties = ['a', 'name']\nknown_attributes = []"
    + PATTERNS
    + ALLOWANCES.replace("stack_variables = true", ""),
}
RULES = {name: parse_rules(text) for name, text in TEXTS.items()}


def assert_alike(kind: Kind, rules: Rules, rows: Sequence[dict[str, Any]]) -> None:
    plan = compile_plan(kind)
    frame = pl.DataFrame(list(rows), schema=dict(polars_schema(raw_schema(kind))), strict=False)
    chunk = Records(f"raw.{kind}", 1, range(len(rows)), [b"x"] * len(rows), [0] * len(rows))
    result = Gate(kind, KEYS, rules=rules).process(frame.with_row_index("_index"), [], chunk, Seen())
    told = [(row, explain(plan, KEYS, row, rules)) for row in rows]
    passing = [(row, found) for row, found in told if found.refusal is None]
    assert result.clean.height == len(passing)
    for (raw, found), got in zip(passing, result.clean.drop("source_offset").iter_rows(named=True), strict=True):
        assert (raw, got) == (raw, {name: found.clean[name] for name in got})
        assert_accounted_for(plan, raw, found)


def assert_accounted_for(plan: Plan, raw: dict[str, Any], found: Explanation) -> None:
    """What changed has a reason, and what is said to have come as it was did."""
    told = {account.path.partition(".")[0].removesuffix(" (name)") for account in found.accounts}
    for name, value in raw.items():
        after = found.clean.get(plan.renamed.get(name, name)) if name not in {"traits", "breadcrumbs"} else None
        before = canonical_json(parse_json(value, JSON[name])) if name in plan.json else value
        assert (name, name in told) == (name, True) or before == after or {before, after} <= {None, "", "{}", "[]"}


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES.keys())
@pytest.mark.parametrize("kind", KINDS)
def test_columns_follow_rules_as_the_explained_reference_does(kind: Kind, rules: Rules) -> None:
    distinct = st.lists(records(kind), min_size=1, max_size=6, unique_by=lambda row: row["event_id"].lower())

    @laws
    @given(distinct, st.integers(0, 2**32))
    def law(drawn: list[dict[str, Any]], seed: int) -> None:
        assert_alike(kind, rules, drawn)
        assert_alike(kind, rules, near_records(Random(seed), kind, 8))

    law()


@pytest.mark.parametrize("broken", ["_relaxed", "_changed"])
def test_control_columns_that_skip_a_rule_are_found(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    row = next(
        row for row in near_records(Random(1), "track", 50) if refusal_of(compile_plan("track"), KEYS, row) is None
    )
    row |= {"project": "default"}
    told = {**row, "consent": "granted", "user_id": None, "properties": '{"a":"jane@example.org","b":"the author"}'}
    assert_alike("track", RULES["patterns"], [told])
    assert_alike("track", RULES["allowances"], [told])
    skipped = {"_relaxed": lambda name, own, raw, clean, rows, known: clean, "_changed": lambda rules, values: {}}
    monkeypatch.setattr(columns, broken, skipped[broken])
    with pytest.raises(AssertionError):
        assert_alike("track", RULES["allowances" if broken == "_relaxed" else "patterns"], [told])
