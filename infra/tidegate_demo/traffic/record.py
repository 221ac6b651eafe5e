"""What the visitors know that they did: the truth that Tidegate's numbers are held against."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Record:
    """Counts of answered requests and of what they meant."""

    requests: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    registrations: int = 0
    logins: int = 0
    installs: Counter[str] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)
    failed_runs: Counter[str] = field(default_factory=Counter)
    visitors: int = 0
    persons: int = 0
    unanswered: int = 0

    def as_json(self) -> dict[str, Any]:
        """Plain dictionaries, status codes as text."""
        return {
            "requests": dict(self.requests),
            "statuses": {str(status): count for status, count in self.statuses.items()},
            "registrations": self.registrations,
            "logins": self.logins,
            "installs": dict(self.installs),
            "runs": dict(self.runs),
            "failed_runs": dict(self.failed_runs),
            "visitors": self.visitors,
            "persons": self.persons,
            "unanswered": self.unanswered,
        }
