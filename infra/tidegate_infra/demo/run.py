"""Runs the demo from the first process to the summary."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tidegate_infra.demo.board import board
from tidegate_infra.demo.chaos import BACKOFF, Chaos
from tidegate_infra.demo.measure import account
from tidegate_infra.demo.reckoning import PROJECT, Run
from tidegate_infra.demo.shop import answering, close, environment, stop_traffic
from tidegate_infra.demo.summary import Summary
from tidegate_infra.demo.witness import Witness
from tidegate_infra.processes import free_ports, pss_bytes, spawn_async
from tidegate_infra.settings import Settings
from tidegate_infra.up import RunningStack, running_stack, stop_on_signals
from tidegate_sinks.clickhouse import Address, connect

START_SECONDS = 60.0

Say = Callable[[str], None]
Inspect = Callable[[RunningStack, "Outcome"], Awaitable[None]]


@dataclass(frozen=True)
class Outcome:
    """The summary, and what marketplace and visitors know that they did."""

    summary: Summary
    sites: Mapping[str, Any]
    record: Mapping[str, Any]


@dataclass
class Demo:
    """One run. `seconds` None: until asked to stop. `chaos_seed` None: nobody is killed."""

    settings: Settings
    say: Say
    seconds: float | None = None
    visitors: int = 8
    pause_seconds: float = 0.2
    inspect: Inspect | None = None
    chaos_seed: int | None = None
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> Outcome:
        """Start everything, let visitors in, and account for every event. Raises UnavailableError."""
        async with running_stack(self.settings, self.say, None if self.chaos_seed is None else BACKOFF) as stack:
            stop_on_signals(self.asked, stack.supervisor)
            await asyncio.wait_for(stack.ready.wait(), START_SECONDS)
            outcome = await self._with_marketplace(stack)
            for line in outcome.summary.lines():
                self.say(line)
            if self.inspect:
                await self.inspect(stack, outcome)
        return outcome

    async def _with_marketplace(self, stack: RunningStack) -> Outcome:
        folder = self.settings.data_dir / "demo"
        folder.mkdir(parents=True, exist_ok=True)
        client = connect(Address(stack.where.clickhouse_url))
        run = Run(stack, client, account(client, PROJECT), time.time_ns() // 1000)
        (port,) = free_ports(1)
        url, record_file = f"http://127.0.0.1:{port}", folder / "record.json"
        with (self.settings.logs_dir / "demo.log").open("ab") as log:
            told = os.environ | environment(stack, folder, port, keep=self.chaos_seed is not None)
            marketplace = await spawn_async([sys.executable, "-m", "tidegate_demo.marketplace"], log, told)
            await answering(f"{url}/_counts", marketplace)
            traffic = await spawn_async(self._traffic(url, record_file), log)
            self._tell(stack, url)
            async with self._unrest(run, url):
                await self._let_run(traffic)
                resident = pss_bytes(os.getpid())
                record = await stop_traffic(traffic, record_file)
                await run.calm()
                sites = await close(url)
                if run.witness:
                    await asyncio.to_thread(run.witness.collect)
                marketplace.terminate()
                await marketplace.wait()
                self.say("no more visitors; waiting until everything has arrived")
                sent = sum(sites["sent"].values())
                left = await run.drain(sent)
        return Outcome(await asyncio.to_thread(run.summary, sent, left, resident), sites, record)

    @asynccontextmanager
    async def _unrest(self, run: Run, url: str) -> AsyncIterator[None]:
        """With a seed: kill during the block, and show what that does."""
        if self.chaos_seed is None:
            yield
            return
        self.say(f"killing a process every few seconds; CHAOS_SEED={self.chaos_seed} replays the order of victims")
        run.chaos = Chaos(run.stack.supervisor, self.chaos_seed, self.say)
        run.witness = Witness(run.stack.where.brokers, run.client, PROJECT, url, run.before, self.settings.generation)
        run.killing = asyncio.create_task(run.chaos.run())
        try:
            async with board(self.settings, run.chaos, run.witness):
                yield
        finally:
            run.killing.cancel()

    def _traffic(self, url: str, record_file: Path) -> list[str]:
        record_file.unlink(missing_ok=True)
        pace = ["--visitors", str(self.visitors), "--pause-seconds", str(self.pause_seconds)]
        return [sys.executable, "-m", "tidegate_demo.traffic", url, *pace, "--record", str(record_file)]

    def _tell(self, stack: RunningStack, url: str) -> None:
        self.say("visitors are in the marketplace")
        self.say("")
        self.say(f"  dashboard   {stack.where.dashboard_url}")
        self.say(f"  shop        {url}  (a page with the browser SDK: look around, and find yourself in the dashboard)")
        self.say("")
        if self.seconds is None:
            self.say("Ctrl-C stops everything and shows what became of every event")

    async def _let_run(self, traffic: asyncio.subprocess.Process) -> None:
        """Until the time is over, someone asks, or the visitors fail."""
        waits = [asyncio.create_task(self.asked.wait()), asyncio.create_task(traffic.wait())]
        await asyncio.wait(waits, timeout=self.seconds, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()


def demo(settings: Settings, say: Say, seconds: float | None, json_file: Path | None, chaos_seed: int | None) -> bool:
    """Run it; returns whether it went well: the summary balances, and nothing healthy was refused.

    `chaos_seed` None: nobody is killed.
    """
    outcome = asyncio.run(Demo(settings, say, seconds, chaos_seed=chaos_seed).run())
    if json_file:
        json_file.write_text(json.dumps(outcome.summary.as_json(), indent=2) + "\n", encoding="utf-8")
    return outcome.summary.is_well
