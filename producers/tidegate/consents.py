"""Consent at the edge: what may leave the process, before the gate looks at it again."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, get_args

from tidegate.outbox import Event
from tidegate.sampling import LINKING
from tidegate.settings import ConsentState
from tidegate_schemas.topics import Kind

log = logging.getLogger(__name__)

STATES: Final = frozenset(get_args(ConsentState))
_OPEN = frozenset({"granted", "unknown"})
PURPOSES: Final[dict[str, str]] = {"track": "analytics", "error": "errors"}
"""Purpose that a kind serves; all others serve performance."""
_PERSONAL = ("user_id", "anonymous_id", "session_id", "previous_id", "ip")


@dataclass(frozen=True)
class Consent:
    """What a person, or all people of a process, agreed to: to everything, or to some purposes."""

    state: str = "unknown"
    version: str = ""
    purposes: frozenset[str] | None = None

    def record(self) -> dict[str, object]:
        """For the event that tells what was agreed to."""
        purposes = None if self.purposes is None else sorted(self.purposes)
        return {"state": self.state, "version": self.version, "purposes": purposes}

    def covers(self, kind: Kind) -> bool:
        """Whether its purposes include what a kind of event serves."""
        return self.purposes is None or PURPOSES.get(kind, "performance") in self.purposes


def stated(state: str, version: str = "", purposes: Iterable[str] | None = None) -> Consent:
    """A consent; a state that is none counts as denied, as it may not be taken for a yes."""
    if state not in STATES:
        log.error("consent %r is none of %s: taken for denied", state, ", ".join(sorted(STATES)))
        state = "denied"
    return Consent(state, str(version), None if purposes is None else frozenset(map(str, purposes)))


def allows(consent: Consent, kind: Kind, event: Event) -> bool:
    """Whether an event may be sent.

    What links ids (identify, alias, group) has no use without them, so anonymous mode doesn't send it.
    """
    if consent.purposes is None and consent.state in _OPEN:  # nearly all
        return True
    if consent.state == "denied" or not consent.covers(kind):
        return False
    return not (consent.state == "anonymous" and event.get("type") in LINKING)


def anonymised(event: Event) -> Event:
    """An event without what tells a person or a device; each is a visitor of its own."""
    return {name: None if name in _PERSONAL else value for name, value in event.items()}
