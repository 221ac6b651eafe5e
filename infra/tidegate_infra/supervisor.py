"""Keep services running: start them, start a crashed one again, stop them in order, leave nobody behind."""

import asyncio
import asyncio.subprocess
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tidegate_infra.allocators import missing
from tidegate_infra.errors import HomeGoneError
from tidegate_infra.logs import bound_age, bound_length, last_line
from tidegate_infra.processes import spawn_async, stop_group

__all__ = ["Backoff", "Service", "ServiceState", "Supervisor"]

_POLL_SECONDS = 0.1
_LOOK_AT_LOGS_SECONDS = 3600.0


@dataclass(frozen=True)
class Service:
    """One process to keep running. Stages stop from the highest down, the services of one stage together."""

    name: str
    argv: Sequence[str]
    stage: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], Awaitable[bool]] | None = None
    """Whether the running process does its work; None: it does as soon as it runs."""
    stop_seconds: float = 10.0
    """How long it may take after SIGTERM; then it is killed."""


@dataclass
class ServiceState:
    """What is known of a service now."""

    pid: int | None = None
    restarts: int = 0
    ready: bool = False


@dataclass(frozen=True)
class Backoff:
    """Pauses before a start again: doubling from first to last; a run of `forget_seconds` begins them anew."""

    first_seconds: float = 0.5
    last_seconds: float = 15.0
    forget_seconds: float = 60.0

    def pause_seconds(self, crashes_in_a_row: int) -> float:
        """Pause after the n-th crash in a row, n from 1."""
        return min(self.last_seconds, self.first_seconds * 2.0 ** (min(crashes_in_a_row, 32) - 1))


class Supervisor:
    """Runs services until told to stop. Belongs to one event loop, in a thread that outlives the services."""

    def __init__(
        self,
        services: Sequence[Service],
        logs: Path,
        say: Callable[[str], None],
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.states = {service.name: ServiceState() for service in services}
        self._services = services
        self._logs = logs
        self._say = say
        self._backoff = backoff or Backoff()
        self._clock = clock
        self._began = clock()
        self._stopping = False
        self._stop, self._all_ready = asyncio.Event(), asyncio.Event()
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._killed: set[str] = set()

    def kill(self, name: str) -> bool:
        """SIGKILL a service and its children, and start it again at once; False if it doesn't run now.

        Says nothing about the service's health: it makes no pause longer.
        """
        process = self._processes.get(name)
        if process is None or process.returncode is not None:
            return False
        self._killed.add(name)
        stop_group(process.pid, signal.SIGKILL)
        return True

    def stop(self) -> None:
        """Ask `run` to end; a second call kills what still runs."""
        if self._stop.is_set():
            for process in self._processes.values():
                stop_group(process.pid, signal.SIGKILL)
        self._stop.set()

    @property
    def all_ready(self) -> bool:
        """Whether every service does its work."""
        return all(state.ready for state in self.states.values())

    async def run(self, when_ready: Callable[[], None] = lambda: None) -> None:
        """Start everything, call `when_ready` once all are, and return after `stop` when all have ended."""
        self._logs.mkdir(parents=True, exist_ok=True)
        keepers = {service.name: asyncio.create_task(self._keep(service)) for service in self._services}
        announcer = asyncio.create_task(self._announce(when_ready))
        stopped = asyncio.create_task(self._stop.wait())
        logs = asyncio.create_task(self._bound_logs())
        try:
            done, _ = await asyncio.wait([stopped, *keepers.values()], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopped}:
                task.result()  # a keeper never ends by itself: show the error that ended it
        finally:
            announcer.cancel()
            logs.cancel()
            await self._stop_all(keepers)

    async def _bound_logs(self) -> None:
        while True:
            for service in self._services:
                with contextlib.suppress(OSError):  # full or gone: the services say so themselves
                    bound_age(self._log(service), time.time())
            await asyncio.sleep(_LOOK_AT_LOGS_SECONDS)

    async def _keep(self, service: Service) -> None:
        crashes, state = 0, self.states[service.name]
        while not self._stopping:
            started = self._clock()
            code = await self._run_once(service)
            if self._stopping:
                return
            lasted = self._clock() - started
            state.restarts += 1
            if service.name in self._killed:  # on purpose: whoever did it says so
                self._killed.discard(service.name)
                continue
            crashes = 1 if lasted >= self._backoff.forget_seconds else crashes + 1
            pause = self._backoff.pause_seconds(crashes)
            self._say(
                f"{service.name} {_how_it_ended(code)} after {lasted:.1f} s; starting it again in {pause:g} s"
                f" (restart {state.restarts}; {self._log(service)} ends with: {last_line(self._log(service))})"
            )
            await asyncio.sleep(pause)

    async def _run_once(self, service: Service) -> int:
        state = self.states[service.name]
        try:
            bound_length(self._log(service))
            with self._log(service).open("ab") as log:
                process = await spawn_async(
                    service.argv, log, {**missing(os.environ), **os.environ, **service.environment}
                )
        except OSError as error:
            if not self._logs.is_dir():
                raise HomeGoneError(f"the folder {self._logs} was removed while its services ran") from error
            self._say(f"{service.name} can't be started: {error}")  # out of processes or memory: may pass
            return os.EX_OSERR
        self._processes[service.name], state.pid = process, process.pid
        watcher = asyncio.create_task(self._watch(service, state))
        try:
            return await process.wait()
        finally:
            watcher.cancel()
            state.pid, state.ready = None, False
            stop_group(process.pid, signal.SIGKILL)  # children that it left behind
            del self._processes[service.name]

    async def _watch(self, service: Service, state: ServiceState) -> None:
        while service.ready is not None and not await service.ready():  # noqa: ASYNC110 - another process can only be asked
            await asyncio.sleep(_POLL_SECONDS)
        state.ready = True
        self._say(f"{service.name} is ready after {self._clock() - self._began:.1f} s")
        if self.all_ready:
            self._all_ready.set()

    async def _announce(self, when_ready: Callable[[], None]) -> None:
        await self._all_ready.wait()
        when_ready()

    async def _stop_all(self, keepers: Mapping[str, asyncio.Task[None]]) -> None:
        self._stopping = True
        for stage in sorted({service.stage for service in self._services}, reverse=True):
            staged = [service for service in self._services if service.stage == stage]
            await asyncio.gather(*(self._stop_one(service, keepers[service.name]) for service in staged))

    async def _stop_one(self, service: Service, keeper: asyncio.Task[None]) -> None:
        process = self._processes.get(service.name)
        if process is None:  # between two runs, or not yet started
            keeper.cancel()
        else:
            stop_group(process.pid, signal.SIGTERM)
        _, pending = await asyncio.wait([keeper], timeout=service.stop_seconds)
        if pending:
            self._say(f"{service.name} did not stop within {service.stop_seconds:g} s: killed")
            if (process := self._processes.get(service.name)) is not None:
                stop_group(process.pid, signal.SIGKILL)
        with contextlib.suppress(asyncio.CancelledError, HomeGoneError):  # `run` tells the latter
            await keeper

    def _log(self, service: Service) -> Path:
        return self._logs / f"{service.name}.log"


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    return f"was ended by {signal.Signals(-code).name}"
