"""What a run found: tries, leaks and the bound that they prove, by kind, carrier and encoding."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.privacy.planting import Canary


@dataclass(frozen=True)
class Row:
    """Tries of one kind, carrier and encoding. `bound`: the leak rate is below it (95 %)."""

    kind: str
    carrier: str
    encoding: str
    claimed: bool
    tries: int
    #: of these, how many would be found if the gate kept every text: the others are left out before it, or by it whole
    reached: int
    leaks: int

    @property
    def bound(self) -> float | None:
        """The rule of three; None where something leaked."""
        return min(1.0, 3 / self.tries) if not self.leaks else None


@dataclass(frozen=True)
class Leak:
    """One canary that was found, and where."""

    canary: Canary
    stores: tuple[str, ...]

    @property
    def told(self) -> str:
        """In a line."""
        canary = self.canary
        where = f"{canary.kind} as {canary.encoding} in {canary.carrier} ({canary.protocol}): {canary.planted[:80]!r}"
        return f"{where} found in {', '.join(self.stores)}"


class Report:
    """All tries of a run, and where each was found."""

    def __init__(
        self, canaries: Sequence[Canary], found: Mapping[int, set[str]], bytes_scanned: Mapping[str, int]
    ) -> None:
        self.canaries, self.bytes_scanned = canaries, dict(bytes_scanned)
        self.leaks = [Leak(canaries[number], tuple(sorted(stores))) for number, stores in sorted(found.items())]
        self._reached: Counter[tuple[str, str, str, bool]] = Counter()

    def reach(self, numbers: Iterable[int]) -> None:
        """Say which canaries a gate without rules lets through."""
        self._reached = Counter(_place(self.canaries[number]) for number in numbers)

    @property
    def rows(self) -> list[Row]:
        """Everything, in order."""
        leaked = Counter(_place(leak.canary) for leak in self.leaks)
        tries = Counter(map(_place, self.canaries))
        return [Row(*place, tries[place], self._reached[place], leaked[place]) for place in sorted(tries)]

    @property
    def broken(self) -> list[Leak]:
        """Leaks that break the promise."""
        return [leak for leak in self.leaks if leak.canary.claimed]

    @property
    def exit_code(self) -> int:
        """1 if the promise is broken."""
        return 1 if self.broken else 0

    @property
    def claimed_tries(self) -> int:
        """Tries whose leak would break it."""
        return sum(row.tries for row in self.rows if row.claimed)

    def by(self, name: str, *, claimed: bool) -> list[tuple[str, int, int]]:
        """Name, tries and leaks by one of kind, carrier and encoding."""
        tries: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
        for row in self.rows:
            if row.claimed == claimed:
                tries[getattr(row, name)][0] += row.tries
                tries[getattr(row, name)][1] += row.leaks
        return [(key, *counts) for key, counts in sorted(tries.items())]  # type: ignore[misc]

    def lines(self) -> Iterator[str]:
        """The report as people read it."""
        total, leaks = self.claimed_tries, len(self.broken)
        scanned = sum(self.bytes_scanned.values())
        yield f"{len(self.canaries):,} canaries, {total:,} of them claimed; bytes scanned: {scanned:,}"
        for store, size in sorted(self.bytes_scanned.items()):
            yield f"  {store:24} {size:>14,} bytes"
        for name in ("kind", "carrier", "encoding"):
            yield f"claimed, by {name}:"
            yield from (
                f"  {key:28} {tries:>8,} tries {lost:>6,} leaks   {bound(tries, lost)}"
                for key, tries, lost in self.by(name, claimed=True)
            )
        yield "not claimed, by kind and encoding:"
        for name in ("kind", "encoding"):
            yield from (
                f"  {key:28} {tries:>8,} tries, recall {1 - lost / tries:.3f}"
                for key, tries, lost in self.by(name, claimed=False)
            )
        reached = sum(row.reached for row in self.rows if row.claimed)
        if reached:
            yield f"a gate that keeps every text lets {reached:,} of the claimed ones through"
        yield f"claimed: {total:,} tries, {leaks} leaks, {bound(total, leaks)}"
        yield from (f"  LEAK {leak.told}" for leak in self.broken[:60])

    def write(self, path: Path, over_redaction: Mapping[str, object]) -> None:
        """The same for programs."""
        rows = [asdict(row) | {"bound": row.bound} for row in self.rows]
        content: dict[str, object] = {
            "canaries": len(self.canaries),
            "claimed": self.claimed_tries,
            "leaks": len(self.broken),
        }
        content |= {**over_redaction, "bytes_scanned": self.bytes_scanned}
        path.write_text(json.dumps(content | {"rows": rows}, indent=1) + "\n", encoding="utf-8")


def bound(tries: int, leaks: int) -> str:
    """What so many tries prove."""
    return f"leak rate below {3 / tries:.5f} (95 %)" if tries and not leaks else f"LEAKS {leaks}"


def _place(canary: Canary) -> tuple[str, str, str, bool]:
    return canary.kind, canary.carrier, canary.encoding, canary.claimed
