"""What became of the demo's events. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tidegate_infra.demo.refusals import lines as refusal_lines
from tidegate_infra.demo.refusals import refused

RESENT = "duplicate"
"""The reason under which the gate drops what was sent again after an answer was lost: a copy, not an event."""

_NEVER_TAKEN = "                             lost, or in requests that were refused whole: logs/gateway.log names these"


@dataclass(frozen=True)
class Account:
    """What the pipeline did with a project's events, up to now."""

    stored: int
    """Different events."""
    dropped: Mapping[str, int]
    """By reason."""
    dead_letters: Mapping[str, int]
    """By reason."""
    doubled: int = 0
    """Rows of events that have another row already."""
    resent: int = 0
    """Copies that the gate dropped: the demo's clients count an event once, however often they send it."""

    @classmethod
    def of(cls, counts: Mapping[tuple[str, str], int]) -> Account:
        """From numbers by outcome and reason."""
        dropped = {reason: number for (outcome, reason), number in counts.items() if outcome == "dropped"}
        resent = dropped.pop(RESENT, 0)
        dead = {reason: number for (outcome, reason), number in counts.items() if outcome == "dead_lettered"}
        return cls(counts.get(("stored", ""), 0), dropped, dead, counts.get(("doubled", ""), 0), resent)

    def since(self, before: Account) -> Account:
        """What was added since an earlier account."""
        return Account(
            self.stored - before.stored,
            _more(self.dropped, before.dropped),
            _more(self.dead_letters, before.dead_letters),
            self.doubled - before.doubled,
            self.resent - before.resent,
        )

    @property
    def dead_lettered(self) -> int:
        """Events that became dead letters, for whatever reason."""
        return sum(self.dead_letters.values())

    @property
    def refused(self) -> dict[str, int]:
        """Events that the pipeline would not have, by reason. The demo sends no bad one on purpose: each is a fault."""
        return refused(self.dropped, self.dead_letters)

    @property
    def total(self) -> int:
        """Events accounted for, each once."""
        return self.stored + sum(self.dropped.values()) + self.dead_lettered


def _more(now: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    grown = {reason: number - before.get(reason, 0) for reason, number in now.items()}
    return {reason: number for reason, number in sorted(grown.items()) if number}


@dataclass(frozen=True)
class Aggregate:
    """What one aggregate counts, and how many events of the archive belong in it, both weighted."""

    name: str
    counted: float
    archived: float

    @property
    def excess(self) -> int:
        """Events that it counts and the archive doesn't hold; below zero if it lacks some."""
        difference = self.counted - self.archived
        return round(difference) if abs(difference) >= 0.5 else 0


def doubled(account: Account, aggregates: Sequence[Aggregate]) -> int:
    """Events stored more than once, and the most that an aggregate counts beyond the archive."""
    return max(0, account.doubled) + max([0, *(aggregate.excess for aggregate in aggregates)])


@dataclass(frozen=True)
class Summary:
    """`sent` was counted where the demo calls its clients, everything else by the pipeline."""

    sent: int
    account: Account
    in_flight: int
    freshness_p95_seconds: float | None
    resident_bytes: int
    aggregates: Sequence[Aggregate] = ()
    killed: Mapping[str, int] = field(default_factory=dict)
    """How often each process was killed on purpose."""
    not_found: int = 0
    """Events, by id, that the gateway had acknowledged and that are in no table."""

    @property
    def missing(self) -> int:
        """Sent, and nowhere to be found; below zero if something was stored that wasn't sent."""
        return self.sent - self.account.total - self.in_flight

    @property
    def lost(self) -> int:
        """Events that are gone: by number or by id, whichever says more."""
        return max(0, self.missing, self.not_found)

    @property
    def doubled(self) -> int:
        """See `doubled`."""
        return doubled(self.account, self.aggregates)

    @property
    def adds_up(self) -> bool:
        """Whether every aggregate counts exactly what the archive holds."""
        return all(aggregate.excess == 0 for aggregate in self.aggregates)

    @property
    def balances(self) -> bool:
        """Whether every event is accounted for, once, and in every aggregate."""
        whole = self.sent > 0 and self.missing == 0 and self.in_flight == 0
        return whole and self.lost == 0 and self.doubled == 0 and self.adds_up

    @property
    def is_well(self) -> bool:
        """Whether it balances, and none of the demo's events was refused."""
        return self.balances and not self.account.refused

    def as_json(self) -> dict[str, object]:
        """The shape that scripts rely on."""
        return {
            "sent": self.sent,
            "stored": self.account.stored,
            "dropped": dict(self.account.dropped),
            "dead_lettered": self.account.dead_lettered,
            "dead_letters": dict(self.account.dead_letters),
            "refused": self.account.refused,
            "in_flight": self.in_flight,
            "missing": self.missing,
            "resent": self.account.resent,
            "killed": sum(self.killed.values()),
            "killed_by_process": dict(self.killed),
            "lost": self.lost,
            "doubled": self.doubled,
            "aggregates": {each.name: [each.counted, each.archived] for each in self.aggregates},
            "is_well": self.is_well,
            "freshness_p95_seconds": self.freshness_p95_seconds,
            "resident_bytes": self.resident_bytes,
        }

    def lines(self) -> list[str]:
        """For people."""
        fresh = "nothing to measure" if self.freshness_p95_seconds is None else f"{self.freshness_p95_seconds:.2f} s"
        verdict = "balances" if self.balances else "DOES NOT BALANCE"
        wrong = [f"{each.name} by {each.excess:+}" for each in self.aggregates if each.excess]
        sums = "every one adds up to the archive" if not wrong else f"OFF: {', '.join(wrong)}"
        return [
            "",
            f"  sent           {self.sent:>9}   at the demo's own call sites",
            f"  stored         {self.account.stored:>9}",
            f"  dropped        {sum(self.account.dropped.values()):>9}   {json.dumps(dict(self.account.dropped))}",
            f"  dead-lettered  {self.account.dead_lettered:>9}   {json.dumps(dict(self.account.dead_letters))}",
            f"  in flight      {self.in_flight:>9}",
            f"  missing        {self.missing:>9}   the ledger {verdict}",
            *([_NEVER_TAKEN] if self.missing > 0 else []),
            *self._chaos_lines(),
            f"  lost           {self.lost:>9}",
            f"  doubled        {self.doubled:>9}   {self.account.resent} copies sent again were told apart",
            f"  aggregates     {len(self.aggregates):>9}   {sums}",
            f"  freshness p95  {fresh:>9}   from the call to the insert",
            f"  memory         {self.resident_bytes / 1e6:>6.0f} MB   PSS of all processes",
            *refusal_lines(self.account.dropped, self.account.dead_letters),
            "",
        ]

    def _chaos_lines(self) -> list[str]:
        if not self.killed:
            return []
        times = ", ".join(f"{name} {number}" for name, number in sorted(self.killed.items()))
        return [f"  killed         {sum(self.killed.values()):>9}   {times}"]
