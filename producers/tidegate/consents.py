"""Consent at the edge: what may leave the process, before the gate looks at it again."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, get_args

from tidegate.outbox import Event
from tidegate.sampling import LINKING
from tidegate.settings import ConsentState
from tidegate_schemas.consent import DECISION, purpose_of
from tidegate_schemas.consent import STATES as DECISIONS
from tidegate_schemas.topics import Kind

log = logging.getLogger(__name__)

STATES: Final = frozenset([*get_args(ConsentState), *DECISIONS])
_OPEN = frozenset({"granted", "unknown"})


@dataclass(frozen=True)
class Consent:
    """What a person, or all people of a process, agreed to: to everything, or to some purposes."""

    state: str = "unknown"
    version: str = ""
    purposes: frozenset[str] | None = None

    def covers(self, kind: Kind) -> bool:
        """Whether its purposes include what a kind of event serves."""
        return self.purposes is None or purpose_of(kind) in self.purposes


def stated(state: str, version: str = "", purposes: Iterable[str] | None = None) -> Consent:
    """A consent; a state that is none counts as denied, as it may not be taken for a yes, and so does withdrawn."""
    if state not in STATES:
        log.error("consent %r is none of %s: taken for denied", state, ", ".join(sorted(STATES)))
    state = state if state in {"granted", "anonymous", "unknown"} else "denied"
    return Consent(state, str(version), None if purposes is None else frozenset(map(str, purposes)))


def allows(consent: Consent, kind: Kind, event: Event) -> bool:
    """Whether an event may be sent.

    What links ids (identify, alias, group) has no use without them, so anonymous mode doesn't send it. A decision may
    always be told: without it nobody could withdraw.
    """
    if consent.purposes is None and consent.state in _OPEN:  # nearly all
        return True
    if event.get("name") == DECISION and event.get("type") == "track":
        return True
    if consent.state == "denied" or not consent.covers(kind):
        return False
    return not (consent.state == "anonymous" and event.get("type") in LINKING)


def decision(state: str, version: str, purposes: Iterable[str] | None, *, erase: bool) -> dict[str, object]:
    """Properties of the event that tells what was decided."""
    named = None if purposes is None else sorted(map(str, purposes))
    said: dict[str, object] = {"state": state, "version": str(version), "purposes": named}
    return {**said, "erase": True} if erase else said


def envelope(state: str, before: Consent, *, named: bool) -> str:
    """Consent of the event that tells a decision, which says whether the gate is to know whose it is.

    A yes is somebody's. A no is so too where events with ids went out before, which it is to stop, or where the
    application names the person; such an event is read at the gate, and goes no further. Else it is nobody's.
    """
    if state == "granted":
        return state
    return "denied" if named or state == "withdrawn" or before.state in {"granted", "unknown"} else "anonymous"


def anonymised(kind: Kind, event: Event) -> Event:
    """An event without what tells a person or a device, in its texts neither; each is a visitor of its own."""
    from tidegate.foreign.nameless import without_ids  # noqa: PLC0415 - for those who need it

    return {**without_ids(kind, event), "ip": None}
