"""How the marketplace's agents behave when they run: some are slow, some fail, all by a seeded draw."""

from __future__ import annotations

import random
from dataclasses import dataclass

FAILURE_SHARE = 0.12
SLOW_SHARE = 0.08
SLOW_SECONDS = (0.15, 0.4)
QUICK_SECONDS = (0.002, 0.03)


class AgentRunError(Exception):
    """An agent's run ended without a result."""


class ModelTimeoutError(AgentRunError):
    """The model behind the agent did not answer in time."""


class ToolUnavailableError(AgentRunError):
    """A tool that the agent needs was away."""


class UnreadableDocumentError(AgentRunError):
    """The agent was given something that it can't read."""


_FAILURES = (
    (ModelTimeoutError, "no answer from the model within 30 s"),
    (ToolUnavailableError, "calendar tool answered 503"),
    (UnreadableDocumentError, "page 3 has no text layer"),
)


@dataclass(frozen=True)
class Course:
    """What a run will do: how long it takes, and what it raises, if anything."""

    seconds: float
    error: AgentRunError | None


class Behaviour:
    """Draws courses from one seeded generator."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def next_course(self) -> Course:
        """The next run's course."""
        slow = self._random.random() < SLOW_SHARE
        seconds = self._random.uniform(*(SLOW_SECONDS if slow else QUICK_SECONDS))
        if self._random.random() >= FAILURE_SHARE:
            return Course(seconds, None)
        kind, text = self._random.choice(_FAILURES)
        return Course(seconds, kind(text))
