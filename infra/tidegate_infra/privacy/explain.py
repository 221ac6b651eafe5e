"""`tidegate privacy explain`: what the gate would do with an event, and why, as lines of text."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tidegate_schemas.reasons import Reason
from tidegate_schemas.topics import Kind
from tidegate_stream.gate.explain import Account, Explanation, explain
from tidegate_stream.gate.keys import Keys
from tidegate_stream.gate.plan import compile_plan
from tidegate_stream.gate.rules import Rules

__all__ = ["explained", "masked"]

SHOWN_LETTERS = 48


def explained(kind: Kind, keys: Keys, record: Mapping[str, Any], rules: Rules) -> Iterator[str]:
    """The lines: verdict, then what changed (masked, clean, rules), then what came through."""
    plan = compile_plan(kind)
    found = explain(plan, keys, record, rules)
    head = f"{kind} of project {record['project']}: "
    if found.refusal is not None:
        yield head + _refused(found)
        return
    yield head + "passes"
    rows = [
        (each.path, masked(each.before), _after(each, plan.renamed), ", ".join(each.rules)) for each in found.accounts
    ]
    widths = [max((len(row[at]) for row in rows), default=0) for at in range(3)]
    for path, before, after, why in rows:
        yield f"  {path:{widths[0]}}  {before:{widths[1]}}  ->  {after:{widths[2]}}  {why}"
    yield "  as they came: " + ", ".join(_kept(path, found) for path in found.kept)


def masked(value: object) -> str:
    """A value's shape: an x a letter, a 9 a digit, the rest as it is; cut where it is long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return _cut(re.sub(r"\d", "9", re.sub(r"[^\W\d_]", "x", text)))


def _refused(found: Explanation) -> str:
    refusal = found.refusal
    if refusal is None:
        raise ValueError("the event passes")
    if refusal.reason is Reason.CONSENT_DENIED:
        return "dropped and counted, as consent is denied"
    return f"becomes a dead letter, sealed: {refusal.reason.value}: {refusal.detail}"


def _after(account: Account, renamed: Mapping[str, str]) -> str:
    if account.after is None:
        return "(left out)"
    name = renamed.get(account.path)
    text = account.after if isinstance(account.after, str) else json.dumps(account.after, default=str)
    return _cut(f"{name} = {text}" if name else text)


def _kept(path: str, found: Explanation) -> str:
    return f"{path} ({found.allowed[path]})" if path in found.allowed else path


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN_LETTERS else line[: SHOWN_LETTERS - 1] + "…"
