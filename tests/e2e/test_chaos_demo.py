"""A short demo with chaos: whoever is killed, in whatever order, nothing is lost and nothing counts twice."""

from __future__ import annotations

import asyncio
import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from tidegate_infra.demo.chaos import VICTIMS, blows, new_seed
from tidegate_infra.demo.measure import account, aggregates
from tidegate_infra.demo.reckoning import PROJECT
from tidegate_infra.demo.run import Demo, Outcome
from tidegate_infra.home import CHAOS_FACT, fact_path
from tidegate_infra.settings import Settings
from tidegate_infra.up import RunningStack
from tidegate_sinks.clickhouse import Address, connect

pytestmark = [pytest.mark.faults, pytest.mark.broker, pytest.mark.clickhouse, pytest.mark.timeout(480)]

SECONDS = 30.0
#: The last victim of the first round falls so much before the end, at least.
MARGIN_SECONDS = 3.0
PLANT = "INSERT INTO tidegate.{table} SELECT * REPLACE (version + 1 AS version) FROM tidegate.{table} LIMIT 1"


class Seen:
    """What the file for the dashboard said during the demo, and what the engine says of a double planted after it."""

    def __init__(self, settings: Settings) -> None:
        self.facts: list[dict[str, Any]] = []
        self.doubled_after_plant = 0
        self._path = fact_path(settings, CHAOS_FACT)

    async def follow(self) -> None:
        while True:
            if self._path.exists():
                self.facts.append(json.loads(self._path.read_text(encoding="utf-8")))
            await asyncio.sleep(0.5)

    async def plant(self, stack: RunningStack, _: Outcome) -> None:
        writer = Address(stack.where.clickhouse_url, "writer", stack.keys.clickhouse_password)
        client = await asyncio.to_thread(connect, writer)
        await asyncio.to_thread(self._plant, client)

    def _plant(self, client: Client) -> None:
        before = account(client, PROJECT)
        client.command(PLANT.format(table="events_track"))
        self.doubled_after_plant = account(client, PROJECT).since(before).doubled
        assert any(each.excess for each in aggregates(client, PROJECT, 0))


def quick_seed() -> int:
    """A seed by which everybody is hit once in time: about every other one."""
    while True:
        seed = new_seed()
        if sum(blow.pause_seconds for blow in islice(blows(seed), len(VICTIMS))) < SECONDS - MARGIN_SECONDS:
            return seed


async def run(settings: Settings, seed: int, said: list[str]) -> tuple[Outcome, Seen]:
    seen = Seen(settings)
    following = asyncio.create_task(seen.follow())
    try:
        return await Demo(settings, said.append, SECONDS, inspect=seen.plant, chaos_seed=seed).run(), seen
    finally:
        following.cancel()


def test_killed_many_times_lost_none_doubled_none(tmp_path: Path) -> None:
    seed, said = quick_seed(), list[str]()
    outcome, seen = asyncio.run(run(Settings(home=tmp_path), seed, said))

    summary = outcome.summary
    about = "\n".join(said)
    assert set(summary.killed) == set(VICTIMS), about
    assert summary.sent > 1000, about
    assert (summary.lost, summary.doubled, summary.in_flight) == (0, 0, 0), about
    assert summary.balances, about
    assert f"CHAOS_SEED={seed}" in about

    last = seen.facts[-1]
    assert last["killed"] == summary.killed
    assert last["acknowledged"] == summary.sent
    assert any(fact["down"] for fact in seen.facts)
    assert all((fact["lost"], fact["doubled"]) == (0, 0) for fact in seen.facts)
    assert not fact_path(Settings(home=tmp_path), CHAOS_FACT).exists()
    assert seen.doubled_after_plant == 1
