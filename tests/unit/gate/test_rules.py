"""privacy.toml: what its rules do to an event, and what it is told about a mistake."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tidegate_schemas.identity import new_event_id
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import Privacy, raw_schema
from tidegate_schemas.topics import KINDS, Kind
from tidegate_stream.gate import KindGate, MemoryKeys, Records, Seen
from tidegate_stream.gate.errors import RulesError
from tidegate_stream.gate.gate import GateResult
from tidegate_stream.gate.plan import Plan, compile_plan, plan_of
from tidegate_stream.gate.rules import NO_RULES, Rules, parse_rules
from tidegate_stream.gate.rules.lines import lines_of
from tidegate_stream.gate.validity import rules as bounds_of

KEYS = MemoryKeys({"shop": b"k" * 32, "other": b"o" * 32}, bytes(range(32)))
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DROPPED = {"traits", "breadcrumbs"}
BOUNDED_JSON = {"exemplars"}
FILE = """\
# What the shop adds.
[projects.shop]
known_properties = [
  "order_id", "note",
  "Customer Number",
]
remove_keys = ["customer number"]

[[projects.shop.patterns]]
name = "customer"
pattern = 'KD-[0-9]{6}'

[[projects.shop.allow]]
path = "properties.order_id"
patterns = ["phone"]
"""


def gate(rules: Rules, kind: Kind = "track", **fields: Any) -> GateResult:
    event = {"event_id": new_event_id(), "producer_id": "p1", "project": "shop", "name": "x", "occurred_at": NOW}
    record = RowCodec(raw_schema(kind)).encode({**event, "received_at": NOW, **fields})
    return KindGate(kind, KEYS, rules=rules).judge(Records(f"raw.{kind}", 0, [0], [record], [0]), Seen())


def properties(rules: Rules, value: dict[str, Any], **fields: Any) -> dict[str, Any]:
    clean: dict[str, Any] = json.loads(gate(rules, properties=json.dumps(value), **fields).clean["properties"].item())
    return clean


def test_only_known_properties_pass_and_the_others_are_counted() -> None:
    result = gate(parse_rules(FILE), properties='{"order_id":1,"stray":2,"jane@example.org":3}')
    assert result.clean["properties"].item() == '{"order_id":1}'
    assert result.removed == {"shop": 2}


def test_values_of_removed_keys_go_in_json_and_in_text() -> None:
    rules = parse_rules('[projects.shop]\nremove_keys = ["customer number"]')
    clean = properties(rules, {"a": [{"customerNumber": "C9"}], "body": "x=1&customer_number=C9&y=2", "numbered": "ok"})
    assert clean == {
        "a": [{"customerNumber": "[removed]"}],
        "body": "x=1&customer_number=[removed]&y=2",
        "numbered": "ok",
    }
    assert gate(rules, name="Customer-Number: C9, done").clean["name"].item() == "Customer-Number: [removed], done"


def test_a_pattern_of_ones_own_is_taken_out_of_texts_names_and_numbers() -> None:
    rules = parse_rules("[projects.shop]\n[[projects.shop.patterns]]\nname = 'customer'\npattern = '(KD-)?[0-9]{6}'")
    clean = properties(rules, {"KD-123456": {"x": 123456, "y": 12345}, "note": "for KD-123456"})
    assert clean == {"[customer]": {"x": "[customer]", "y": 12345}, "note": "for [customer]"}
    assert gate(rules, name="KD-123456").clean["name"].item() == "[customer]"


def test_a_pattern_that_is_allowed_somewhere_is_looked_for_everywhere_else() -> None:
    rules, phone = parse_rules(FILE), "+49 170 1234567"
    given = {"order_id": phone, "note": phone}
    assert properties(rules, given) == {"order_id": phone, "note": "[phone]"}
    assert properties(NO_RULES, given) == {"order_id": "[phone]", "note": "[phone]"}
    assert properties(rules, {"order_id": "jane@example.org"}) == {"order_id": "[email]"}


def test_an_events_own_ids_are_never_allowed() -> None:
    assert properties(parse_rules(FILE), {"order_id": "user-4711"}, user_id="user-4711") == {"order_id": "[id]"}


def test_rules_are_for_their_project_only() -> None:
    assert properties(parse_rules(FILE), {"stray": "KD-123456"}, project="other") == {"stray": "KD-123456"}


def test_a_rule_that_breaks_a_match_of_the_gates_own_comes_too_late_to_save_it() -> None:
    rules = parse_rules("[projects.shop]\n[[projects.shop.patterns]]\nname = 'at'\npattern = '@|[0-9]{4}'")
    assert properties(rules, {"a": "jane@example.org 4111 1111 1111 1111"}) == {"a": "[email] [card]"}


def test_variables_of_frames_go_unless_a_project_allows_them() -> None:
    stack = '[{"function":"pay","v\\u0061rs":{"amount":3,"mail":"jane@example.org"}}]'
    assert gate(NO_RULES, "error", stack=stack).clean["stack"].item() == '[{"function":"pay"}]'
    allowed = gate(parse_rules("[projects.shop]\nstack_variables = true"), "error", stack=stack)
    assert allowed.clean["stack"].item() == '[{"function":"pay","vars":{"amount":3,"mail":"[email]"}}]'


def test_rules_hold_for_the_excerpt_of_a_dead_letter() -> None:
    result = gate(parse_rules(FILE), consent="perhaps", name="KD-123456", properties='{"stray":"KD-123456"}')
    assert json.loads(result.dead_letters["excerpt"].item()) == {"name": "[customer]"}
    assert "KD-123456" in gate(NO_RULES, consent="perhaps", name="KD-123456").dead_letters["excerpt"].item()


WRONG = {
    "line 3: projects.shop.known_properties.2: is a name that the gate": FILE.replace("Customer Number", "a@b.org"),
    "line 7: projects.shop.remove_keys.0: has no word": FILE.replace('"customer number"', '"--"'),
    "line 11: projects.shop.patterns.0.pattern: no regular expression of Rust's": FILE.replace("KD-", "(?=KD)"),
    "line 11: projects.shop.patterns.0.pattern: matches an empty text": FILE.replace("KD-[0-9]{6}", "\\b"),
    "line 14: projects.shop.allow.0.path: begins with no field": FILE.replace("properties.order_id", "user_id"),
    "line 14: projects.shop.allow.0.path: must go on to a member": FILE.replace("properties.order_id", "properties"),
    "line 15: projects.shop.allow.0.patterns.0: is none of pem, jwt": FILE.replace('"phone"', '"phones"'),
    "line 15: projects.shop.allow.0.patern: is not known here; allowed are path, patterns": FILE.replace(
        "patterns = [", "patern = ["
    ),
    "line 2: projects.a b: is no project's name": FILE.replace("[projects.shop]", "[projects.'a b']"),
    "(at line 2, column 15)": FILE.replace("[projects.shop]", "[projects.shop"),
    "at most 65536 are allowed": FILE + "#" * 70_000,
}


@pytest.mark.parametrize(("said", "text"), WRONG.items(), ids=WRONG.keys())
def test_a_mistake_is_told_with_its_line_and_what_is_allowed(said: str, text: str) -> None:
    with pytest.raises(RulesError) as caught:
        parse_rules(text)
    assert said in str(caught.value)


def test_lines_are_those_of_statements_whatever_spans_several() -> None:
    text = 'a = """\n[x]\nb = 1\n"""\n\n[t."q.r"]\nc = [\n  1,\n  2]\n[[t.s]]\nd = 1\n[[t.s]]\nd = {e = 1}\n'
    lines = lines_of(text)
    assert lines[("a",)] == 1
    assert lines[("t", "q.r", "c", 1)] == 7
    assert (lines[("t", "s", 0, "d")], lines[("t", "s", 1, "d", "e")]) == (11, 13)
    assert ("x",) not in lines


def untreated(kind: Kind, plan: Plan) -> set[str]:
    """Fields that pass as they come, though no bound says that they can't hold anything personal."""
    treated = {*plan.pseudonymised, *plan.truncated, *plan.coarsened, *plan.scrubbed, *plan.hex_ids}
    bounded = {rule.field for rule in bounds_of(kind)}
    fields = raw_schema(kind).fields
    texts = {field.name for field in fields if field.privacy != "drop" and field.value_type == "string"}
    return (texts - treated - bounded) | {f.name for f in fields if f.privacy != "keep" and f.value_type != "string"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_every_kind_has_a_treatment(kind: Kind) -> None:
    plan = compile_plan(kind)
    assert untreated(kind, plan) == set()
    fields = raw_schema(kind).fields
    assert set(plan.json) == {field.name for field in fields if field.default in ("{}", "[]")} - DROPPED - BOUNDED_JSON


@pytest.mark.parametrize("kind", KINDS)
def test_control_a_plan_that_leaves_any_field_out_is_found(kind: Kind) -> None:
    classes = {field.name: field.privacy for field in raw_schema(kind).fields}
    for name, privacy in classes.items():
        if privacy not in {"keep", "drop"}:
            kept: Privacy = "keep"
            assert untreated(kind, plan_of(kind, {**classes, name: kept}, guard=False)) >= {name}
