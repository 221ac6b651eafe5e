"""What a request is held to: its sender's word, and the signals of a visitor's browser, which outrank it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate_gateway.errors import RefusedError
from tidegate_schemas.consent import DECISION
from tidegate_schemas.reasons import Reason

STATES = frozenset({"granted", "anonymous", "denied", "unknown"})
_SIGNALS = ("sec-gpc", "dnt")


def has_privacy_signal(headers: Mapping[str, str]) -> bool:
    """Whether the browser sends Global Privacy Control or Do Not Track."""
    return any(headers.get(name, "").strip() == "1" for name in _SIGNALS)


def consent_of(stated: object, *, signal: bool) -> str:
    """The consent that counts: with a signal anonymous, unless the visitor denied altogether.

    Raises RefusedError (invalid_field).
    """
    consent = "unknown" if stated is None else stated
    if not isinstance(consent, str) or consent not in STATES:
        raise RefusedError(Reason.INVALID_FIELD, "consent", f"must be one of {', '.join(sorted(STATES))}")
    return "anonymous" if signal and consent != "denied" else consent


def is_decision(event: Mapping[str, Any]) -> bool:
    """Whether an event tells a decision about consent, which goes to the gate whatever was decided."""
    return event.get("name") == DECISION and event.get("type") == "track"
