"""Events of the demo that the pipeline would not have. Its visitors send healthy ones only: each is a fault. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tidegate_infra.keys import PROJECTS
from tidegate_schemas.reasons import DOCS, Reason

__all__ = ["WANTED", "lines", "refused"]

#: Reasons of drops that somebody wanted, by a rate, a rule or a person's decision: they are no faults of the traffic.
WANTED = frozenset(
    {Reason.SAMPLED, Reason.FILTERED, Reason.CONSENT_DENIED, Reason.CONSENT_WITHDRAWN, Reason.ERASED, Reason.DUPLICATE}
)

_DROPPED = "SELECT project, kind, reason, sum(quantity) FROM analytics.outcomes WHERE outcome = 'dropped' GROUP BY ALL"


def refused(dropped: Mapping[str, int], dead_letters: Mapping[str, int]) -> dict[str, int]:
    """How many healthy events were refused, by reason; both are numbers by reason."""
    reasons = sorted({*dead_letters, *(reason for reason in dropped if reason not in WANTED)})
    numbers = {reason: dropped.get(reason, 0) + dead_letters.get(reason, 0) for reason in reasons}
    return {reason: number for reason, number in numbers.items() if number > 0}


def lines(dropped: Mapping[str, int], dead_letters: Mapping[str, int]) -> Sequence[str]:
    """What to say of them to people, and what to do; nothing where there are none."""
    found = refused(dropped, dead_letters)
    if not found:
        return []
    look = (
        f"tidegate dead-letters list --project {PROJECTS[1]}"
        if any(dead_letters.values())
        else f"curl 'http://127.0.0.1:8123/' --data \"{_DROPPED}\""
    )
    return [
        f"  REFUSED        {sum(found.values()):>9}   of the demo's events, which are healthy: the demo fails",
        *(f"    {reason:<18}{number:>4}   {DOCS.get(reason, '')}" for reason, number in found.items()),
        "    To see which: start the stack again (`tidegate up`; all that was refused is kept), and ask",
        f"    {look}",
    ]
