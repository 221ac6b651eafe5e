"""Which canary stands where. A planter hands out texts of all kinds and encodings in turn, and keeps them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from random import Random

from tests.privacy.encodings import ENCODINGS, SPLIT, UNCLAIMED_ENCODINGS, meaningful
from tests.privacy.values import KINDS, UNCLAIMED_KINDS, Value, word

CLOSED = frozenset({"user agent", "id", "ip", "dropped"})
"""Carriers whose text never leaves the gate, whatever it holds: it is hashed, cut, coarsened or left out."""
ECHOES = frozenset({"own id of a refused call"})
"""Carriers that are answered to their sender, and go nowhere else."""
AROUND = (
    "{}",
    "{}",
    "see {} there",
    "({})",
    "<{}>",
    "tell {}.",
    "a,{},b",
    "of\n{}\nthen",
    "'{}'",
    "→ {} ←",
    "id {}; next",
)


@dataclass(frozen=True)
class Canary:
    """One try: what was planted, where, how it was written, and what must not be found."""

    kind: str
    carrier: str
    encoding: str
    protocol: str
    planted: str
    value: Value

    @property
    def claimed(self) -> bool:
        """Whether finding it again breaks the promise."""
        if self.carrier in ECHOES or self.encoding in UNCLAIMED_ENCODINGS:
            return False
        return self.carrier in CLOSED or self.kind not in UNCLAIMED_KINDS


class Planter:
    """Makes canaries, one for each text that is asked for."""

    def __init__(self, seed: int, limit: int) -> None:
        self.rng, self.limit = Random(seed), limit
        self.canaries: list[Canary] = []
        self._cores: set[str] = set()
        self._known: str | None = None
        self._half: str | None = None
        self._turn = self._turns()
        self.protocol = ""

    def _turns(self) -> Iterator[tuple[str, str]]:
        """Every kind in every encoding, again and again, each time in another order: neighbours differ."""
        pairs = list(itertools.product([*KINDS, "known"], [*ENCODINGS, SPLIT]))
        while True:
            yield from self.rng.sample(pairs, len(pairs))

    @property
    def full(self) -> bool:
        """Whether as many were planted as asked for."""
        return len(self.canaries) >= self.limit

    def person(self) -> str:
        """An id for the event that is made next: it may then be planted in that event's texts as well."""
        own = word(self.rng)
        self._known = own
        self.canaries.append(Canary("known", "id", "plain", self.protocol, own, Value(own, own)))
        return own

    def anyone(self) -> None:
        """What is planted next belongs to nobody who is known."""
        self._known, self._half = None, None

    def text(self, carrier: str) -> str:
        """A canary with some words around it, in any kind and encoding."""
        return self.rng.choice(AROUND).format(self.bare(carrier))

    def bare(self, carrier: str, kinds: Collection[str] = (), fits: Callable[[str], bool] = lambda _: True) -> str:
        """A canary by itself, of one of these kinds, or of any if none are given, which fits where it is to stand."""
        if self._half is not None and fits(self._half):
            half, self._half = self._half, None
            return half
        for kind, encoding in self._turn:
            value = self._value(kind) if not kinds or kind in kinds else None
            if value is None or not meaningful(kind, encoding, value.text) or not fits(written(value, encoding)):
                continue
            if encoding == SPLIT:
                self._half = value.text[len(value.text) // 2 :]
            planted = written(value, encoding)
            self.canaries.append(Canary(kind, carrier, encoding, self.protocol, planted, value))
            return planted
        raise AssertionError("unreachable: the turn has no end")

    def header(self, carrier: str) -> str:
        """A canary that a header can carry: ASCII, in one line."""
        return self.bare(carrier, fits=lambda text: text.isascii() and text.isprintable() and text == text.strip())

    def object(self, carrier: str) -> dict[str, object]:
        """A JSON object with canaries in values, nested ones, in keys, and in JSON inside of a text."""
        return {
            "note": self.text(carrier),
            "nested": {"deeper": [{"text": self.text(carrier)}, [self.text(carrier)]]},
            self.text("JSON key"): 1,
            "inner": json.dumps({"said": self.text("JSON in a text")}),
        }

    def _value(self, kind: str) -> Value | None:
        """A value that no other canary has."""
        if kind == "known":
            return None if self._known is None else Value(self._known, self._known)
        while (value := KINDS[kind](self.rng)).core in self._cores:
            pass
        self._cores.add(value.core)
        return value


def written(value: Value, encoding: str) -> str:
    """What is planted of a value; of one that is split, its first half."""
    return value.text[: len(value.text) // 2] if encoding == SPLIT else ENCODINGS[encoding](value.text)
