"""What a policy says of one place that keeps data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "BASES",
    "CONSENT",
    "LIMIT_DAYS",
    "OPERATORS",
    "PROOF",
    "STABILITY",
    "STATISTICS",
    "TRACKER_LIMIT_DAYS",
    "WORKER",
    "Policy",
    "Store",
    "Subjects",
    "in_words",
]

Store = Literal["table", "topic", "files", "elsewhere"]
"""`elsewhere`: on devices and hosts that this command doesn't see."""
Subjects = Literal["identified", "pseudonyms", "nobody"]
"""Whom the data is about: people by their own ids, people by pseudonyms (personal data, too), or nobody."""

LIMIT_DAYS = 758
"""The least number of days in 25 months: the CNIL's limit for data of audience measurement."""
TRACKER_LIMIT_DAYS = 394
"""The least number of days in 13 months: its limit for what is stored on a device."""

STATISTICS = "consent or legitimate interest"
STABILITY = "legitimate interest"
CONSENT = "consent"
PROOF = "legal obligation"
BASES: Mapping[str, str] = {
    STATISTICS: "GDPR 6(1)(a) where consent was given; for events without ids 6(1)(f), in "
    "knowing how the product is used",
    STABILITY: "GDPR 6(1)(f), in a service that works and is secure",
    CONSENT: "GDPR 6(1)(a), ePrivacy 5(3): nothing is stored on a device before it",
    PROOF: "GDPR 6(1)(c): to keep to what people decided, and to be able to show it (5(2), 7(1))",
}
"""What each legal basis means. They are proposals, for the controller to confirm."""
OPERATORS = "whoever can read ClickHouse: dashboard, Grafana, SQL"
WORKER = "the worker"


@dataclass(frozen=True)
class Policy:
    """How long something is kept, why, where and for whom.

    `days` None: no bound in time; `bound` says what bounds it instead. `grace_days`: how much later what has had its
    time may go, as merges and segments are coarse.
    """

    name: str
    store: Store
    what: str
    purpose: str
    basis: str
    readers: str
    subjects: Subjects
    days: float | None
    grace_days: float = 0.0
    bound: str = ""

    def __post_init__(self) -> None:
        if self.days is None and not self.bound:
            raise ValueError(f"the policy of {self.name} has neither days nor another bound")

    @property
    def most_days(self) -> float | None:
        """After so many days it must be gone."""
        return None if self.days is None else self.days + self.grace_days


def in_words(days: float) -> str:
    """A time as people say it: `12 h`, `1 day`, `7 days`."""
    if days < 2 and days != int(days):
        return f"{days * 24:.3g} h"
    return f"{days:g} day" if days == 1 else f"{days:g} days"
