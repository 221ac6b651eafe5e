"""What the page about people's rights asks of whoever holds the keys: the dashboard has none, and stores no id."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Desk"]


class Desk(Protocol):
    """Takes what operators ask. Its methods block, and raise TidegateError, whose message is for the operator."""

    def ask(self, token: str, project: str, *, user_id: str = "", anonymous_id: str = "") -> str:
        """Put a person's erasure on record until a second operator confirms it; the receipt's id."""

    def confirm(self, token: str, receipt_id: str) -> None:
        """Begin an erasure that another operator asked for."""

    def refuse(self, token: str, receipt_id: str) -> None:
        """Let a request go; operators may refuse their own."""
