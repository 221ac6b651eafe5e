"""Typed events, and a tracking plan that events are held to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from tidegate.errors import InvalidSettingError

VIOLATIONS_KEY = "_violations"
"""Property that a marked event carries: what is wrong with it, by field."""
MAX_MARKS = 20

OnViolation = Literal["mark", "drop"]


class Event(BaseModel):
    """Base of typed events: fields are properties, and the class's name in snake case, or `name=…`, is the event's.

        class OrderPlaced(tidegate.Event):
            total: float

        tidegate.track(OrderPlaced(total=12.5))

    To make one with wrong values raises pydantic's ValidationError where it is made.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    event_name: ClassVar[str] = "event"

    def __init_subclass__(cls, name: str | None = None, **more: Any) -> None:
        """Take the event's name from the class's, unless it was given."""
        super().__init_subclass__(**more)
        cls.event_name = name or re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__).lower()


class Violation(NamedTuple):
    """What an event does that its plan doesn't allow; `field` is empty where the event itself is unknown."""

    event: str
    field: str
    problem: str

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}" if self.field else self.problem


class Plan:
    """The events that an application may track. A plan that names one twice raises InvalidSettingError."""

    def __init__(self, events: Iterable[type[Event]]) -> None:
        self._models: dict[str, type[Event]] = {}
        for model in events:
            if model.event_name in self._models:
                raise InvalidSettingError(f"the plan names the event {model.event_name!r} twice: rename one of them")
            self._models[model.event_name] = model

    def violations(self, event: str, properties: Mapping[str, Any]) -> list[Violation]:
        """What is wrong with an event, never with the values in the text; empty if nothing is."""
        model = self._models.get(event)
        if model is None:
            return [Violation(event, "", "unknown event")]
        try:
            model.model_validate(dict(properties))
        except ValidationError as error:
            return [
                Violation(event, ".".join(map(str, fault["loc"])), fault["type"])
                for fault in error.errors(include_url=False, include_context=False, include_input=False)
            ]
        return []


def marked(properties: Mapping[str, Any], violations: Iterable[Violation]) -> dict[str, Any]:
    """The properties, and what is wrong with them."""
    return {**properties, VIOLATIONS_KEY: [str(one) for one in violations][:MAX_MARKS]}
