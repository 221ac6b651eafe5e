"""Decisions about consent, as events tell them, and what follows for a person's events. Pure, one at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final

from tidegate_schemas.consent import DECISION, PURPOSES, STATES, STOPS
from tidegate_schemas.identity import derived_event_id
from tidegate_stream.erasure import Erasure, mark
from tidegate_stream.gate.plan import Plan
from tidegate_stream.gate.reference import known_of
from tidegate_stream.gate.scrub import MalformedJsonError, parse_json
from tidegate_stream.gate.texts import scrub_text
from tidegate_stream.gate.validity import EPOCH

Names = Callable[[str, str], Sequence[str]]
"""What an id of a project may be called: its pseudonym under each key that is live."""

GRANTED, ANONYMOUS, DENIED, WITHDRAWN = range(len(STATES))
"""Levels: the higher, the stricter."""
MAX_VERSION = 64
MAX_PURPOSES = 16
SOURCE: Final = "consent"
"""Where a request for erasure comes from."""
_PURPOSE = re.compile(r"[a-z0-9_-]{1,32}")
#: Whose events come through a gateway, where anybody may say to be anybody: write keys are public.
_GATEWAYS = ("gateway:", "browser:")


def level_at(decisions: Iterable[tuple[datetime, int]], at: datetime) -> int:
    """How strictly an event of that time is judged, by a person's decisions as times and levels.

    By the strictest of those from the one in force at the time up to now: so a withdrawal beats what happened before,
    however late it comes, and a later yes brings nothing back.
    """
    ordered = sorted(decisions)
    in_force = max((when for when, _ in ordered if when <= at), default=None)
    return max((level for when, level in ordered if in_force is None or when >= in_force), default=GRANTED)


def event_time(record: Mapping[str, Any]) -> datetime:
    """When it happened: no later than the edge took it, whatever the sender's clock says."""
    at: datetime = min(record["occurred_at"], record["received_at"])
    return at


def consents_of(plan: Plan, names: Names, record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Records of the consent schema that a raw event tells, one for each id it is about; none if it is no decision."""
    said = _said(record)
    if said is None:
        return []
    state, purposes = _state_and_purposes(said)
    ids = {name: record[name] for name in ("user_id", "anonymous_id") if record[name]}
    erased = _erasable(record, ids) if said.get("erase") is True and state in STOPS else frozenset()
    shared = {
        "decision_id": record["event_id"].lower(),
        "project": record["project"],
        "decision": state,
        "consent_version": scrub_text(str(said.get("version") or ""), known_of(plan, record))[:MAX_VERSION],
        "purposes": purposes,
        "decided_at": event_time(record),
        "received_at": record["received_at"],
        "producer_id": record["producer_id"],
    }
    pseudonyms = {name: names(record["project"], value) for name, value in ids.items()}
    erase = {each for name in erased for each in pseudonyms[name]}
    return [
        {**shared, "pseudonym": each, "erase": each in erase} for each in dict.fromkeys(chain(*pseudonyms.values()))
    ]


def consent_key(consent: Mapping[str, Any]) -> bytes:
    """Key of a decision's record: a retry replaces, another decision doesn't."""
    return f"{consent['project']}/{consent['pseudonym']}/{consent['decision_id']}".encode()


def levels_of(consent: Mapping[str, Any]) -> dict[str, int | None]:
    """What a decision says of each purpose, None for nothing: a yes is to its purposes only, a no is about them."""
    level = STATES.index(consent["decision"])
    named, stops = consent["purposes"], consent["decision"] in STOPS
    return {each: level if not named or each in named else None if stops else DENIED for each in PURPOSES}


def erasure_asked(consents: Sequence[Mapping[str, Any]]) -> Erasure:
    """The erasure that a decision asks for, by its records: of all that happened up to it."""
    project, decided_at = consents[0]["project"], consents[0]["decided_at"]
    return Erasure(
        receipt_id=derived_event_id("erasure", project, consents[0]["decision_id"]),
        project=project,
        marks=frozenset(mark(project, each["pseudonym"]) for each in consents),
        requested_at=(decided_at - EPOCH) // timedelta(microseconds=1),
        source=SOURCE,
    )


def _said(record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if record["name"] != DECISION or record.get("type") != "track":
        return None
    try:
        said = parse_json(record["properties"], dict)
    except MalformedJsonError:
        return None
    return said if isinstance(said, dict) and said.get("state") in STATES else None


def _state_and_purposes(said: Mapping[str, Any]) -> tuple[str, list[str]]:
    """A yes to nothing is a no."""
    state, given = str(said["state"]), said.get("purposes")
    if given is None:
        return state, []
    named = [str(each).lower() for each in (given if isinstance(given, list) else [given])]
    purposes = sorted({each for each in named if _PURPOSE.fullmatch(each)})[:MAX_PURPOSES]
    return (state, purposes) if purposes or state in STOPS else ("denied", [])


def _erasable(record: Mapping[str, Any], ids: Iterable[str]) -> frozenset[str]:
    """Which ids a decision may have erased: a device's is known to it alone, a user's may be guessed by anybody."""
    by_gateway = record["producer_id"].startswith(_GATEWAYS)
    return frozenset(name for name in ids if name == "anonymous_id" or not by_gateway)
