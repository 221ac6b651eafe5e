"""Holds tracked events to a plan, if there is one."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any

from tidegate.errors import PlanViolationError
from tidegate.outbox import Event
from tidegate.plan import Event as TypedEvent
from tidegate.plan import OnViolation, Plan, Violation, marked
from tidegate.product import mapping, product_fields

log = logging.getLogger(__name__)

MAX_VIOLATIONS = 1_000
"""Different ones that are counted apart; others count as `(other)`."""


class Planned:
    """Makes fields of events, and counts what breaks the plan by event, field and problem."""

    def __init__(self, plan: Plan | None, on_violation: OnViolation) -> None:
        self._plan, self._on_violation = plan, on_violation
        self.violations: Counter[Violation] = Counter()

    def fields(self, event: str | TypedEvent, properties: Mapping[str, Any] | None) -> Event:
        """Of a tracked event. PlanViolationError where it breaks the plan and is to be dropped."""
        if isinstance(event, TypedEvent):
            name, said = event.event_name, {**event.model_dump(), **mapping("properties", properties)}
        else:
            name, said = event, properties  # type: ignore[assignment]
        if self._plan is None:
            return product_fields("track", name, said)
        found = self._plan.violations(name, mapping("properties", said))
        if not found:
            return product_fields("track", name, said)
        self._count(found)
        if self._on_violation == "drop":
            raise PlanViolationError(f"{name!r} breaks the plan: {'; '.join(map(str, found))}")
        return product_fields("track", name, marked(mapping("properties", said), found))

    def _count(self, found: list[Violation]) -> None:
        for violation in found:
            known = violation in self.violations
            if not known:
                log.warning("event %r breaks the plan: %s", violation.event, violation)
            fits = known or len(self.violations) < MAX_VIOLATIONS
            self.violations[violation if fits else Violation("(other)", "", "(other)")] += 1
