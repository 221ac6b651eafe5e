"""Operators at the dashboard: who may ask, and whose word it takes. What they ask for is done by an office, which has
the keys; this module loads neither keys nor clients, so that a dashboard that nobody asks costs nothing."""

from __future__ import annotations

import hmac
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from tidegate_dashboards.rights import Handout
from tidegate_infra.errors import RightsError

__all__ = ["Asked", "Office", "OperatorsDesk"]


@dataclass(frozen=True)
class Asked:
    """What an operator asks for, of one person. `alone`: nobody else has to confirm it."""

    operator: str
    project: str
    value: str = field(repr=False)
    export: bool
    alone: bool


class Office(Protocol):
    """Does what operators decide. Raises RightsError, and whatever its services raise."""

    def ask(self, asked: Asked) -> str:
        """Put it on record, and begin it if nobody has to confirm; the receipt's id."""

    def confirm(self, operator: str, receipt_id: str) -> Literal["erasure", "export"]:
        """Begin an erasure, or allow an export, that another operator asked for."""

    def refuse(self, operator: str, receipt_id: str) -> None:
        """Let a request go."""

    def settle(self) -> str:
        """See whether what was erased has gone physically, and say it."""

    def export(self, operator: str, receipt_id: str) -> Handout:
        """All that is held on the person of an allowed export, for who asked for it."""


@dataclass(frozen=True)
class OperatorsDesk:
    """What `tidegate_dashboards.rights.Desk` asks for."""

    operators: Mapping[str, str]
    office: Office
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def confirms(self) -> bool:
        """See `Desk.confirms`."""
        return len(self.operators) > 1

    def ask(self, token: str, project: str, *, user_id: str = "", anonymous_id: str = "", export: bool = False) -> str:
        """See `Desk.ask`. Raises RightsError."""
        name, given = self._operator(token), [each.strip() for each in (user_id, anonymous_id) if each.strip()]
        if len(given) != 1:
            raise RightsError("name one person, by the id of a user or of a device")
        return self.office.ask(Asked(name, project, given[0], export, alone=not self.confirms))

    def confirm(self, token: str, receipt_id: str) -> Literal["erasure", "export"]:
        """See `Desk.confirm`. Raises RightsError."""
        name = self._operator(token)
        with self.lock:  # an office reads the receipt's stage, then writes: two decisions at once would both be taken
            return self.office.confirm(name, receipt_id)

    def refuse(self, token: str, receipt_id: str) -> None:
        """See `Desk.refuse`. Raises RightsError."""
        name = self._operator(token)
        with self.lock:
            self.office.refuse(name, receipt_id)

    def settle(self, token: str) -> str:
        """See `Desk.settle`. Raises RightsError."""
        self._operator(token)
        return self.office.settle()

    def export(self, token: str, receipt_id: str) -> Handout:
        """See `Desk.export`. Raises RightsError."""
        return self.office.export(self._operator(token), receipt_id)

    def _operator(self, token: str) -> str:
        given = token.strip().encode()
        names = [name for name, known in self.operators.items() if hmac.compare_digest(known.encode(), given)]
        if not names:
            raise RightsError("no operator has this token: TIDEGATE_OPERATORS says who has which")
        return names[0]
