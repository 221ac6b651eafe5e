"""Items of others that can't become events."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate_schemas.errors import TidegateError
from tidegate_schemas.reasons import Reason


@dataclass(frozen=True)
class Problem:
    """Why something was refused: names the field and what is allowed, never a value that a person could be behind."""

    reason: Reason
    field: str
    message: str

    def as_json(self) -> dict[str, str]:
        """For an answer's body."""
        return {"reason": self.reason.value, "field": self.field, "message": self.message}


class UnfitError(TidegateError):
    """An item that can't become an event."""

    def __init__(self, reason: Reason, field: str, message: str) -> None:
        super().__init__(f"{reason.value}: {field}: {message}")
        self.problem = Problem(reason, field, message)
