"""A chunk and consent: the decisions that it tells, and the events that may not pass, or only without ids. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from tidegate_schemas.consent import DECISION
from tidegate_schemas.reasons import Reason
from tidegate_stream.erasure import Erasure
from tidegate_stream.gate.consents import Consents, as_decisions
from tidegate_stream.gate.decisions import ANONYMOUS, DENIED, WITHDRAWN, Names, consents_of, erasure_asked
from tidegate_stream.gate.keys import Keys
from tidegate_stream.gate.plan import Plan
from tidegate_stream.gate.reference import refusal_of

REASONS = {DENIED: Reason.CONSENT_DENIED.value, WITHDRAWN: Reason.CONSENT_WITHDRAWN.value}


@dataclass(frozen=True)
class Told:
    """Decisions that a chunk tells: records of the consent schema, and the erasures that they ask for."""

    consents: Sequence[Mapping[str, Any]] = ()

    @property
    def erasures(self) -> list[Erasure]:
        """One for each decision, whatever number of ids it is about."""
        asked: dict[str, list[Mapping[str, Any]]] = {}
        for each in self.consents:
            if each["erase"]:
                asked.setdefault(each["decision_id"], []).append(each)
        return [erasure_asked(records) for records in asked.values()]


NOTHING_TOLD = Told()


def told_in(plan: Plan, keys: Keys, names: Names, frame: pl.DataFrame) -> Told:
    """The decisions in a raw frame. What is no event tells none, but one that is refused for its consent alone does."""
    if plan.kind != "track":
        return NOTHING_TOLD
    rows = frame.filter((pl.col("name") == DECISION) & (pl.col("type") == "track"))
    if rows.is_empty():  # as nearly always
        return NOTHING_TOLD
    events = [
        row for row in rows.iter_rows(named=True) if refusal_of(plan, keys, {**row, "consent": "unknown"}) is None
    ]
    return Told([consent for row in events for consent in consents_of(plan, names, row)])


@dataclass(frozen=True)
class Consented:
    """Raw events that may pass, those with the consent that counts, and those that may not with `reason`."""

    passing: pl.DataFrame
    refused: pl.DataFrame | None


def consented(plan: Plan, names: Names, frame: pl.DataFrame, told: Told, consents: Consents) -> Consented:
    """Judge raw events by all decisions that are known, those of their own chunk among them."""
    levels = consents.levels(plan.kind, frame, names, as_decisions(told.consents))
    if levels is None:
        return Consented(frame, None)
    judged = frame.with_columns(
        pl.when(levels == ANONYMOUS).then(pl.lit("anonymous")).otherwise(pl.col("consent")).alias("consent")
    )
    stopped = levels >= DENIED
    if not stopped.any():
        return Consented(judged, None)
    reason = levels.filter(stopped).replace_strict(REASONS, return_dtype=pl.String).alias("reason")
    refused = judged.filter(stopped).with_columns(reason, pl.lit("").alias("detail"))
    return Consented(judged.filter(~stopped), refused)
