"""Rules for one record at a time: what the columns must equal."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set

import polars as pl

from tidegate_schemas.canonical import canonical_json
from tidegate_stream.gate.plan import JSON, URLS
from tidegate_stream.gate.rules.compiled import ProjectRules
from tidegate_stream.gate.rules.members import Tightening
from tidegate_stream.gate.scrub import JsonScrubber, parse_json
from tidegate_stream.gate.texts import Told, bare_url, noted, scrub_text
from tidegate_stream.gate.variables import STACK, VARIABLES_RULE, without_variables

NONE_ALLOWED: Mapping[str, Set[str]] = {}
QUERY_RULE = "query"


def scrubbed(name: str, text: str, known: re.Pattern[str] | None, rules: ProjectRules, told: Told | None = None) -> str:
    """What every gate makes of a field's text, but for what the rules allow there."""
    allowed = rules.allowed.get(name, NONE_ALLOWED)
    if name in JSON:
        if name == STACK and not rules.variables:
            text = noted(name, text, without_variables(text), VARIABLES_RULE, told)
        return canonical_json(JsonScrubber(known, allowed, told).value(parse_json(text, JSON[name]), name))
    if name in URLS:
        text = noted(name, text, bare_url(text), QUERY_RULE, told)
    return scrub_text(text, known, allowed.get(name, frozenset()), told, name)


def tightened(name: str, text: str, rules: ProjectRules, told: Told | None = None) -> str:
    """A field's clean text without what the rules take out besides."""
    if not rules.tightens:
        return text
    if name not in JSON:
        return substituted(rules, text, name, told)
    walk = Tightening(rules, name, lambda text, path: substituted(rules, text, path, told), told)
    value = walk(parse_json(text, JSON[name]))
    return canonical_json(value) if walk.changed else text


def substituted(rules: ProjectRules, text: str, path: str, told: Told | None = None) -> str:
    """A text without what the rules' patterns find: by the columns' engine, a column of one."""
    for substitution in rules.substitutions:
        [clean] = pl.Series([text]).to_frame("text").select(substitution.apply(pl.col("text"))).to_series()
        text = noted(path, text, clean, substitution.rule, told)
    return text
