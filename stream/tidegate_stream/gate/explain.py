"""Why an event leaves the gate as it does: the reference gate, asked to tell each step."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tidegate_schemas.subjects import Field, raw_schema
from tidegate_stream.gate.keys import Keys
from tidegate_stream.gate.plan import JSON, Plan
from tidegate_stream.gate.pseudonyms import Pseudonymiser
from tidegate_stream.gate.reference import Refusal, clean_record, refusal_of
from tidegate_stream.gate.rules import NO_RULES, Rules
from tidegate_stream.gate.texts import Step

EMPTY = (None, "", "{}", "[]")
ANONYMOUS = "consent anonymous"
FROM_USER = "the user's, as no device is known"
SHAPE = "not of its shape"


@dataclass(frozen=True)
class Account:
    """What became of a field, or of one member of a JSON field, by which rules in their order.

    `before` is what it was, and may be personal; `after` is None where it was left out.
    """

    path: str
    rules: tuple[str, ...]
    before: object = field(repr=False)
    after: object


@dataclass(frozen=True)
class Explanation:
    """The verdict on an event: refused, or the clean event with an account of all that changed."""

    refusal: Refusal | None
    clean: Mapping[str, Any]
    accounts: tuple[Account, ...]
    kept: tuple[str, ...]
    """Paths of what isn't empty and came through as it was."""
    allowed: Mapping[str, str]
    """Of the paths that the project's rules allow something at: the rule."""


def explain(plan: Plan, keys: Keys, record: Mapping[str, Any], rules: Rules = NO_RULES) -> Explanation:
    """What the gate would do with a decoded record, and why. Whether it is a copy only the gate knows."""
    refusal = refusal_of(plan, keys, record)
    if refusal is not None:
        return Explanation(refusal, {}, (), (), {})
    steps: list[Step] = []
    clean = clean_record(plan, Pseudonymiser(keys), record, rules=rules, told=steps.append)
    accounts = [*_of_fields(plan, record, clean), *_of_steps(steps)]
    told = {account.path for account in accounts}
    kept = [path for path in _paths(plan, record, clean) if path not in told]
    allowed = rules.of(record["project"]).allowed_rules
    return Explanation(
        None, clean, tuple(accounts), tuple(kept), {path: allowed[path] for path in kept if path in allowed}
    )


def _of_fields(plan: Plan, record: Mapping[str, Any], clean: Mapping[str, Any]) -> Iterator[Account]:
    """Accounts of fields that are treated as a whole."""
    for each in raw_schema(plan.kind).fields:
        before = record[each.name]
        after = None if each.privacy == "drop" else clean[plan.renamed.get(each.name, each.name)]
        if each.name in plan.scrubbed or before == after or (before in EMPTY and after in EMPTY):
            continue
        yield Account(each.name, (_reason(each, record, after),), before, after)


def _reason(each: Field, record: Mapping[str, Any], after: object) -> str:
    if each.privacy == "keep":
        return "lower case" if each.name == "event_id" else SHAPE
    if after is None and record["consent"] == "anonymous" and each.privacy in {"pseudonymise", "truncate"}:
        return ANONYMOUS
    if record[each.name] in EMPTY:
        return FROM_USER
    return f"class {each.privacy}"


def _of_steps(steps: list[Step]) -> Iterator[Account]:
    by_path: dict[str, list[Step]] = {}
    for step in steps:
        by_path.setdefault(step.path, []).append(step)
    for path, own in by_path.items():
        yield Account(path, tuple(dict.fromkeys(step.rule for step in own)), own[0].before, own[-1].after)


def _paths(plan: Plan, record: Mapping[str, Any], clean: Mapping[str, Any]) -> Iterator[str]:
    """Every field that has something, and every member of those that hold JSON."""
    for each in raw_schema(plan.kind).fields:
        if each.privacy == "drop" or record[each.name] in EMPTY:
            continue
        if each.name in JSON and each.name in plan.json:
            yield from dict.fromkeys(_members(each.name, json.loads(clean[each.name])))
        else:
            yield each.name


def _members(path: str, value: object) -> Iterator[str]:
    match value:
        case dict() if value:
            for name, item in value.items():
                yield from _members(f"{path}.{name}", item)
        case list() if value:
            for item in value:
                yield from _members(path, item)
        case _:
            yield path
