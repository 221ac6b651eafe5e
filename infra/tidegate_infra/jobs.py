"""Commands that a running stack gives itself from time to time, each as a process that ends."""

from __future__ import annotations

import asyncio
import asyncio.subprocess
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tidegate_infra.allocators import missing
from tidegate_infra.logs import bound_age, bound_length, last_line
from tidegate_infra.processes import spawn_async, stop_group
from tidegate_infra.runtime import child_environment
from tidegate_infra.settings import Settings

__all__ = ["Job", "JobState", "Jobs", "jobs_of"]

FIRST_SECONDS = 60.0
"""So long after the stack is ready comes the first run: starting has the machine to itself."""
RETRY_SECONDS = 60.0
"""Pause after a first failure; it doubles with each that follows, up to the job's own interval."""
LIMIT_SECONDS = 1800.0


@dataclass(frozen=True)
class Job:
    """A command and the pause between two runs of it. One that runs longer than the limit is killed, and has failed."""

    name: str
    argv: Sequence[str]
    interval_seconds: float
    environment: Mapping[str, str] = field(default_factory=dict)
    limit_seconds: float = LIMIT_SECONDS


@dataclass
class JobState:
    """What became of a job's runs since the stack was started; `succeeded_at` in seconds since 1970, 0 for never."""

    pid: int | None = None
    runs: int = 0
    failures: int = 0
    failures_in_a_row: int = 0
    succeeded_at: float = 0.0


def jobs_of(settings: Settings, chosen: Mapping[str, int]) -> list[Job]:
    """The jobs of a stack whose services have these ports; an interval of 0 switches one off."""
    seconds = settings.erase_withdrawn_interval_seconds
    argv = [sys.executable, "-m", "tidegate_infra", "privacy", "erase-withdrawn"]
    return [Job("erase-withdrawn", argv, seconds, child_environment(settings, chosen))] if seconds else []


class Jobs:
    """Runs jobs, each by itself, until cancelled; then it kills what runs: a job may be cut short at any time."""

    def __init__(
        self,
        jobs: Sequence[Job],
        logs: Path,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.states = {job.name: JobState() for job in jobs}
        self._jobs, self._logs, self._say, self._clock = jobs, logs, say, clock

    async def run(self, ready: asyncio.Event) -> None:
        """Begin once the stack is ready."""
        await ready.wait()
        await asyncio.gather(*(self._keep(job) for job in self._jobs))

    async def _keep(self, job: Job) -> None:
        state = self.states[job.name]
        pause = min(FIRST_SECONDS, job.interval_seconds)
        while True:
            await asyncio.sleep(pause)
            wrong = await self._run_once(job, state)
            state.runs += 1
            pause = job.interval_seconds
            if wrong is None:
                state.failures_in_a_row, state.succeeded_at = 0, self._clock()
                continue
            state.failures += 1
            state.failures_in_a_row += 1
            pause = min(pause, RETRY_SECONDS * 2.0 ** min(state.failures_in_a_row - 1, 16))
            log = self._log(job)
            self._say(f"{job.name} {wrong}; running it again in {pause:g} s ({log} ends with: {last_line(log)})")

    async def _run_once(self, job: Job, state: JobState) -> str | None:
        """What went wrong, or None."""
        try:
            bound_length(self._log(job))
            bound_age(self._log(job), self._clock())
            with self._log(job).open("ab") as log:
                process = await spawn_async(job.argv, log, {**missing(os.environ), **os.environ, **job.environment})
        except OSError as error:  # out of processes, memory or disk: may pass
            return f"can't be started: {error.strerror}"
        state.pid = process.pid
        try:
            async with asyncio.timeout(job.limit_seconds):
                code = await process.wait()
        except TimeoutError:
            return f"took more than {job.limit_seconds:g} s: killed"
        finally:
            state.pid = None
            await _end(process)
        return None if code == 0 else f"ended with code {code}"

    def _log(self, job: Job) -> Path:
        return self._logs / f"{job.name}.log"


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill what is left of a process and its children."""
    stop_group(process.pid, signal.SIGKILL)
    await process.wait()
