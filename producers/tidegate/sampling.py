"""Which events are kept, and for how many others each one stands. Pure but for the dice."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tidegate.errors import InvalidSettingError
from tidegate_schemas.topics import KINDS, Kind

SCALE = 1 << 32
LINKING = frozenset(["identify", "alias", "group"])
"""Types of product events that tell who is who."""


@dataclass(frozen=True)
class Sampling:
    """Rates in (0, 1] by kind (`"span": 0.1`) or kind and event name (`"track:page": 0.5`); the rest is kept whole.

    A kept event carries the chance that it had as its `sample_rate`, and counts 1/rate times: sums stay right on
    average. With `errors`, spans of status error are always kept, and so are events of kind error whose name has no
    rate of its own; so are spans of `slow_seconds` or more. Their rate is 1: a rule that looks at nothing but the event
    itself leaves every event with a known chance, and it counts for what that was.

    Spans of one trace are kept or left out together, and so are the product events of one visitor, whose sessions and
    funnels stay whole; what has neither is drawn for itself. Points of metrics are sums already, and never sampled, nor
    is what links ids (identify, alias, group) or tells consent.
    """

    rates: Mapping[str, float] = field(default_factory=dict)
    errors: bool = True
    slow_seconds: float | None = None
    random: Callable[[], float] = random.random

    def __post_init__(self) -> None:
        for name, rate in self.rates.items():
            kind = name.partition(":")[0]
            if kind not in KINDS or kind == "metric":
                raise InvalidSettingError(f"sampling of {name!r}: track, error and span, or track:name, are allowed")
            if not 0 < rate <= 1:
                raise InvalidSettingError(f"the sampling rate of {name!r} is {rate}: it must be in (0, 1]")

    def rate(self, kind: Kind, event: Mapping[str, Any]) -> float:
        """The chance that this event is kept."""
        if kind == "metric" or (kind == "span" and self._is_kept(event)):
            return 1.0
        if kind == "track" and (event.get("type") in LINKING or event["name"] == "consent"):
            return 1.0
        named = self.rates.get(f"{kind}:{event['name']}")
        if named is not None:
            return named
        return 1.0 if kind == "error" and self.errors else self.rates.get(kind, 1.0)

    def keeps(self, kind: Kind, event: Mapping[str, Any], rate: float) -> bool:
        """Whether this event is among those that are kept at a rate."""
        if rate >= 1.0:
            return True
        together = event.get("trace_id") if kind != "track" else event.get("anonymous_id") or event.get("user_id")
        return (self.random() if together is None else _share(str(together))) < rate

    def _is_kept(self, event: Mapping[str, Any]) -> bool:
        if self.errors and event.get("status") == "error":
            return True
        return self.slow_seconds is not None and event.get("duration_seconds", 0.0) >= self.slow_seconds


def _share(text: str) -> float:
    """A number in [0, 1) for a text, the same in every process."""
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=4).digest()
    return int.from_bytes(digest, "big") / SCALE
