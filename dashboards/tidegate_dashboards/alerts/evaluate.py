"""The evaluator: a rule, the rows of its query, what was known before, and the time make the new states. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from tidegate_dashboards.alerts.rules import Rule

__all__ = ["Alert", "Evaluation", "Labels", "Phase", "Transition", "evaluate"]

Labels = tuple[tuple[str, str], ...]
"""Label names and values, sorted by name: they tell one alert of a rule from another."""


class Phase(StrEnum):
    """What an alert is in."""

    OK = "ok"
    PENDING = "pending"
    FIRING = "firing"


@dataclass(frozen=True)
class Alert:
    """One series of a rule."""

    rule: str
    labels: Labels
    phase: Phase
    since: datetime
    """When this phase began; for a pending or firing alert, when the condition was first seen."""
    judged_at: datetime
    """When a row with a large enough sample was last seen."""
    value: float
    sample: float


@dataclass(frozen=True)
class Transition:
    """An alert became pending, firing or resolved."""

    kind: str
    """`pending`, `firing` or `resolved`."""
    alert: Alert
    at: datetime
    reason: str


@dataclass(frozen=True)
class Evaluation:
    """States by labels after a round, and what changed in it."""

    alerts: Mapping[Labels, Alert]
    transitions: tuple[Transition, ...]


def evaluate(rule: Rule, rows: Iterable[Mapping[str, Any]], known: Mapping[Labels, Alert], now: datetime) -> Evaluation:
    """One round of one rule. Series that are well and silent for long are forgotten."""
    judged = {labels: (value, sample) for labels, value, sample in map(_read, rows) if _says_much(rule, value, sample)}
    alerts: dict[Labels, Alert] = {}
    transitions: list[Transition] = []
    for labels in sorted({*known, *judged}):
        after: Alert | None
        before = known.get(labels)
        if labels in judged:
            after, transition = _judge(rule, labels, before, *judged[labels], now)
        else:
            after, transition = _silence(rule, known[labels], now)
        if after is not None:
            alerts[labels] = after
        if transition is not None:
            transitions.append(transition)
    return Evaluation(alerts, tuple(transitions))


def _read(row: Mapping[str, Any]) -> tuple[Labels, float, float]:
    labels = tuple(sorted((name, str(text)) for name, text in row.items() if name not in {"value", "sample"}))
    value = math.nan if row["value"] is None else float(row["value"])
    return labels, value, float(row.get("sample") or 0)


def _says_much(rule: Rule, value: float, sample: float) -> bool:
    return not math.isnan(value) and sample >= rule.minimum_sample


def _judge(
    rule: Rule, labels: Labels, before: Alert | None, value: float, sample: float, now: datetime
) -> tuple[Alert, Transition | None]:
    phase = before.phase if before else Phase.OK
    if not rule.broken(value):
        well = Alert(
            rule.name, labels, Phase.OK, before.since if before and phase is Phase.OK else now, now, value, sample
        )
        if phase is not Phase.FIRING or before is None:
            return well, None
        ended = replace(before, judged_at=now, value=value, sample=sample)
        return well, Transition("resolved", ended, now, "back within the threshold")
    since = before.since if before and phase is not Phase.OK else now
    held = now - since >= timedelta(seconds=rule.for_seconds)
    after = Alert(
        rule.name, labels, Phase.FIRING if held or phase is Phase.FIRING else Phase.PENDING, since, now, value, sample
    )
    if after.phase is phase:
        return after, None
    limit = f"{rule.comparison} {rule.threshold:g}"
    return after, Transition(after.phase.value, after, now, f"{value:g} {limit} with a sample of {sample:g}")


def _silence(rule: Rule, before: Alert, now: datetime) -> tuple[Alert | None, Transition | None]:
    if now - before.judged_at < timedelta(seconds=rule.no_data_after_seconds):
        return before, None
    if rule.no_data == "fire" and before.phase is not Phase.FIRING:
        after = replace(before, phase=Phase.FIRING, since=now)
        return after, Transition("firing", after, now, "no data")
    if before.phase is Phase.FIRING:
        if rule.no_data == "resolve":
            return None, Transition("resolved", before, now, "no data")
        return before, None
    return None, None
