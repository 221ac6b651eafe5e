"""What became of the demo's events. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Account:
    """What the pipeline did with a project's events, up to now."""

    stored: int
    dropped: Mapping[str, int]
    dead_lettered: int

    def since(self, before: Account) -> Account:
        """What was added since an earlier account."""
        dropped = {reason: number - before.dropped.get(reason, 0) for reason, number in self.dropped.items()}
        return Account(
            self.stored - before.stored,
            {reason: number for reason, number in sorted(dropped.items()) if number},
            self.dead_lettered - before.dead_lettered,
        )

    @property
    def total(self) -> int:
        """Events accounted for."""
        return self.stored + sum(self.dropped.values()) + self.dead_lettered


@dataclass(frozen=True)
class Summary:
    """`sent` was counted where the demo calls its clients, everything else by the pipeline."""

    sent: int
    account: Account
    in_flight: int
    freshness_p95_seconds: float | None
    resident_bytes: int

    @property
    def missing(self) -> int:
        """Sent, and nowhere to be found; below zero if something counts twice."""
        return self.sent - self.account.total - self.in_flight

    @property
    def balances(self) -> bool:
        """Whether every event is accounted for, once."""
        return self.sent > 0 and self.missing == 0 and self.in_flight == 0

    def as_json(self) -> dict[str, object]:
        """The shape that scripts rely on."""
        return {
            "sent": self.sent,
            "stored": self.account.stored,
            "dropped": dict(self.account.dropped),
            "dead_lettered": self.account.dead_lettered,
            "in_flight": self.in_flight,
            "missing": self.missing,
            "freshness_p95_seconds": self.freshness_p95_seconds,
            "resident_bytes": self.resident_bytes,
        }

    def lines(self) -> list[str]:
        """For people."""
        fresh = "nothing to measure" if self.freshness_p95_seconds is None else f"{self.freshness_p95_seconds:.2f} s"
        verdict = "balances" if self.balances else "DOES NOT BALANCE"
        return [
            "",
            f"  sent           {self.sent:>9}   at the demo's own call sites",
            f"  stored         {self.account.stored:>9}",
            f"  dropped        {sum(self.account.dropped.values()):>9}   {json.dumps(dict(self.account.dropped))}",
            f"  dead-lettered  {self.account.dead_lettered:>9}",
            f"  in flight      {self.in_flight:>9}",
            f"  missing        {self.missing:>9}   the ledger {verdict}",
            f"  freshness p95  {fresh:>9}   from the call to the insert",
            f"  memory         {self.resident_bytes / 1e6:>6.0f} MB   PSS of all processes",
            "",
        ]
