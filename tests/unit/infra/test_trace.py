"""What `tidegate trace` says of the gate's work, without a running stack."""

from typing import Any

import pytest

from tidegate_infra.trace import changes
from tidegate_schemas.subjects import clean_schema, raw_schema

CANARY = "ada@example.com"


def event(**fields: Any) -> dict[str, Any]:
    return {"event_id": "01a207d2-af60-7778-acfe-3c162013e493", "name": "login", "properties": "{}", **fields}


def test_each_change_names_its_field_and_privacy_class_and_shows_the_clean_value_only() -> None:
    raw = event(user_id=CANARY, ip="10.1.2.3", traits=f'{{"email":"{CANARY}"}}', url=f"https://x/?mail={CANARY}")
    clean = event(user="5f" * 16, ip="10.1.2.0", url="https://x/")
    changed, same = changes("track", raw, clean)
    assert {(change.field, change.privacy, change.became) for change in changed} == {
        ("user_id", "pseudonymise", "user = " + "5f" * 16),
        ("ip", "truncate", "now 10.1.2.0"),
        ("traits", "drop", "left out"),
        ("url", "scrub", "now https://x/"),
    }
    assert same == ["event_id", "name"]
    assert CANARY not in repr(changed)


def test_a_visitor_that_came_from_the_user_is_not_a_change_of_the_empty_device_id() -> None:
    changed, _ = changes("track", event(user_id="u1"), event(user="aa", visitor="aa"))
    assert {change.field: change.became for change in changed} == {
        "user_id": "user = aa",
        "anonymous_id": "visitor = aa",
    }


def test_long_values_are_cut() -> None:
    changed, _ = changes("track", event(name="a"), event(name="b" * 500))
    assert changed[0].became == "now " + "b" * 80 + "…"


@pytest.mark.parametrize("kind", ["track", "error", "span", "metric", "log", "health"])
def test_every_field_of_every_kind_is_accounted_for(kind: Any) -> None:
    raw = {field.name: f"raw {field.name}" for field in raw_schema(kind).fields}
    clean = {field.name: f"clean {field.name}" for field in clean_schema(kind).fields}
    changed, same = changes(kind, raw, clean)
    assert [change.field for change in changed] == list(raw)
    assert same == []
    assert not any("raw " in change.became for change in changed)
