"""Kills processes of the stack at random, in an order that a seed replays."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tidegate_infra.supervisor import Backoff, Supervisor

__all__ = ["BACKOFF", "VICTIMS", "Blow", "Chaos", "blows", "new_seed"]

VICTIMS = ("broker", "clickhouse", "worker", "gateway", "dashboard", "alerts")
PAUSE_SECONDS = (3.0, 6.0)
#: A service that fell with another one is back soon; the usual 15 s would leave little of a demo of 30 s.
BACKOFF = Backoff(first_seconds=0.5, last_seconds=1.0)

_LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Blow:
    """Who is killed next, and how long after the one before."""

    victim: str
    pause_seconds: float


def new_seed() -> int:
    """A seed that is short enough to type."""
    return random.SystemRandom().randrange(1_000_000)


def blows(seed: int, candidates: Sequence[str] = VICTIMS) -> Iterator[Blow]:
    """Blows without end, the same for the same seed. In each round every candidate is hit once, in a random order."""
    rng = random.Random(seed)  # noqa: S311 - to be replayed, not to be secret
    while True:
        for victim in rng.sample(list(candidates), len(candidates)):
            yield Blow(victim, rng.uniform(*PAUSE_SECONDS))


class Chaos:
    """Kills services of a supervisor with SIGKILL until cancelled."""

    def __init__(self, supervisor: Supervisor, seed: int, say: Callable[[str], None]) -> None:
        self.seed = seed
        self.killed: Counter[str] = Counter()
        """How often each service was killed."""
        self._supervisor, self._say = supervisor, say

    @property
    def down(self) -> list[str]:
        """Services that don't do their work now."""
        return [name for name, state in self._supervisor.states.items() if not state.ready]

    async def run(self) -> None:
        """A victim that is down already is awaited, so that the order stays that of the seed."""
        candidates = [name for name in VICTIMS if name in self._supervisor.states]
        for blow in blows(self.seed, candidates):
            await asyncio.sleep(blow.pause_seconds)
            while not self._supervisor.kill(blow.victim):  # noqa: ASYNC110 - the supervisor starts it at its own time
                await asyncio.sleep(_LOOK_SECONDS)
            self.killed[blow.victim] += 1
            self._say(f"killed {blow.victim} (SIGKILL, number {self.killed.total()})")
