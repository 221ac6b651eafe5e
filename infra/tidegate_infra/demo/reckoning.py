"""The end of a demo: nobody is killed any more, everything arrives, and the numbers are drawn up."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from tidegate_infra.demo.chaos import Chaos
from tidegate_infra.demo.measure import account, aggregates, freshness_p95_seconds
from tidegate_infra.demo.summary import Account, Summary
from tidegate_infra.demo.witness import AWAY, Witness
from tidegate_infra.errors import UnavailableError
from tidegate_infra.keys import PROJECTS
from tidegate_infra.up import RunningStack
from tidegate_stream.flight import in_flight

__all__ = ["PROJECT", "Run"]

PROJECT = PROJECTS[1]
CALM_SECONDS = 60.0
DRAIN_SECONDS = 90.0
#: After kills the worker reads its changelogs back before it goes on.
CHAOS_DRAIN_SECONDS = 180.0
_PAUSE_SECONDS = 0.25


@dataclass
class Run:
    """What a run of the demo is measured by. Without chaos there is no killer and no witness."""

    stack: RunningStack
    client: Client
    before: Account
    began_micros: int
    chaos: Chaos | None = None
    witness: Witness | None = None
    killing: asyncio.Task[None] | None = None

    async def calm(self) -> None:
        """End the killing, and wait until every service does its work again. Raises UnavailableError."""
        if self.killing is None or self.chaos is None:
            return
        self.killing.cancel()
        deadline = time.monotonic() + CALM_SECONDS
        while self.chaos.down:
            if time.monotonic() > deadline:
                raise UnavailableError(f"{self.chaos.down} did not come back; logs/ says why")
            await asyncio.sleep(_PAUSE_SECONDS)

    async def drain(self, sent: int) -> int:
        """Wait until nothing is in flight; returns what still is when time is up."""
        deadline = time.monotonic() + (CHAOS_DRAIN_SECONDS if self.chaos else DRAIN_SECONDS)
        while True:
            try:
                left = await asyncio.to_thread(in_flight, self.stack.where.brokers)
                missing = sent - (await asyncio.to_thread(self._account)).total
            except AWAY:  # a service that fell with a killed one may still be coming back
                if time.monotonic() > deadline:
                    raise
            else:
                if (left == 0 and missing <= 0) or time.monotonic() > deadline:
                    return left
            await asyncio.sleep(_PAUSE_SECONDS)

    def summary(self, sent: int, left: int, resident_bytes: int) -> Summary:
        """What became of everything. Blocks."""
        if self.witness:
            self.witness.finish()
        return Summary(
            sent,
            self._account(),
            left,
            freshness_p95_seconds(self.client, PROJECT, self.began_micros),
            resident_bytes,
            aggregates(self.client, PROJECT, self.began_micros),
            dict(self.chaos.killed) if self.chaos else {},
            self.witness.promises.lost if self.witness else 0,
        )

    def _account(self) -> Account:
        return account(self.client, PROJECT).since(self.before)
