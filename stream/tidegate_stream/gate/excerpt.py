"""What may be read of a dead letter by those who don't hold its key: the begin of it, scrubbed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate_schemas.canonical import canonical_json
from tidegate_stream.gate.plan import JSON, Plan
from tidegate_stream.gate.reference import known_of
from tidegate_stream.gate.scrub import MalformedJsonError, parse_json, scrub_json, scrub_text, scrub_url

EXCERPT_CHARACTERS = 500
TEXT_CHARACTERS = 4_000
"""Looked at of a text: enough that nothing which is cut in two here is among what is shown."""
JSON_CHARACTERS = 20_000
"""Longer JSON is left out: its begin alone can't be parsed."""


def excerpt(plan: Plan, record: Mapping[str, Any]) -> str:
    """Texts of a decoded record as one JSON object, at most `EXCERPT_CHARACTERS` long.

    Only the fields that a clean event would show as text, by the scrubbers that it would pass. Ids, addresses and what
    is bounded to a few words stay out: a bad value there may be anything. JSON that can't be parsed stays out too, as
    its keys tell what is secret. What is nested too deeply to be looked through is not shown at all.
    """
    try:
        return canonical_json(_shown(plan, record))[:EXCERPT_CHARACTERS]
    except RecursionError:
        return ""


def _shown(plan: Plan, record: Mapping[str, Any]) -> dict[str, object]:
    known = known_of(plan, record)
    shown: dict[str, object] = {}
    for name in (*plan.texts, *plan.labels):
        if record.get(name):
            shown[name] = scrub_text(record[name][:TEXT_CHARACTERS], known)
    for name in plan.urls:
        if record.get(name):
            shown[name] = scrub_url(record[name][:TEXT_CHARACTERS], known)
    for name in plan.json:
        text = record.get(name) or ""
        try:
            value = parse_json(text if len(text) <= JSON_CHARACTERS else "", JSON[name])
        except MalformedJsonError:
            continue
        if value:
            shown[name] = scrub_json(value, known)
    return shown
