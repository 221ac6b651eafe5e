"""What may be read of a dead letter by those who don't hold its key: the begin of it, scrubbed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate_schemas.canonical import canonical_json
from tidegate_stream.gate.plan import JSON, Plan
from tidegate_stream.gate.reference import known_of
from tidegate_stream.gate.rules.compiled import NO_RULES, ProjectRules, Rules
from tidegate_stream.gate.rules.record import scrubbed, tightened
from tidegate_stream.gate.scrub import MalformedJsonError, parse_json

EXCERPT_CHARACTERS = 500
TEXT_CHARACTERS = 4_000
"""Looked at of a text: enough that nothing which is cut in two here is among what is shown."""
JSON_CHARACTERS = 20_000
"""Longer JSON is left out: its begin alone can't be parsed."""


def excerpt(plan: Plan, record: Mapping[str, Any], rules: Rules = NO_RULES) -> str:
    """Texts of a decoded record as one JSON object, at most `EXCERPT_CHARACTERS` long.

    Only the fields that a clean event would show as text, by the scrubbers and rules that it would pass. Ids, addresses
    and what is bounded to a few words stay out: a bad value there may be anything. JSON that can't be parsed stays out
    too, as its keys tell what is secret. What is nested too deeply to be looked through is not shown at all.
    """
    try:
        return canonical_json(_shown(plan, record, rules.of(str(record.get("project")))))[:EXCERPT_CHARACTERS]
    except RecursionError:
        return ""


def _shown(plan: Plan, record: Mapping[str, Any], rules: ProjectRules) -> dict[str, object]:
    known = known_of(plan, record)
    shown: dict[str, object] = {}
    for name in (*plan.texts, *plan.labels, *plan.urls):
        if record.get(name):
            text = record[name][:TEXT_CHARACTERS]
            shown[name] = tightened(name, scrubbed(name, text, known, rules), rules)
    for name in plan.json:
        text = record.get(name) or ""
        try:
            clean = scrubbed(name, text if len(text) <= JSON_CHARACTERS else "", known, rules)
        except MalformedJsonError:
            continue
        if value := parse_json(tightened(name, clean, rules), JSON[name]):
            shown[name] = value
    return shown
