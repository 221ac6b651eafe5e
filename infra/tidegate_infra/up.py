"""`tidegate up`: the whole stack in one process tree."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from tidegate_infra import metrics, ports
from tidegate_infra.broker.prepare import is_installed
from tidegate_infra.errors import BrokerError, SettingsError
from tidegate_infra.home import hold, prepare_home, write_fact
from tidegate_infra.jobs import Jobs, jobs_of
from tidegate_infra.keys import Keys, ensure_keys
from tidegate_infra.probe_server import ProbeServer
from tidegate_infra.probes import answers_http, answers_tcp
from tidegate_infra.runtime import Addresses, addresses, child_environment, embedded_services
from tidegate_infra.settings import Settings
from tidegate_infra.supervisor import Backoff, Service, Supervisor

__all__ = ["RunningStack", "running_stack", "up"]

Say = Callable[[str], None]

ONE_PRESS_SECONDS = 1.0
_ASK_SECONDS = 5.0
_STAGES = {"broker": 0, "clickhouse": 1, "worker": 2, "gateway": 3, "dashboard": 4, "alerts": 4}
_STOP_SECONDS = {"worker": 20.0}
_HEALTH_PATHS = {"clickhouse": "/ping"}


class RunningStack:
    """A stack that is being run by this process."""

    def __init__(self, settings: Settings, where: Addresses, keys: Keys, supervisor: Supervisor) -> None:
        self.settings, self.where, self.keys, self.supervisor = settings, where, keys, supervisor
        self.ready = asyncio.Event()
        """Set once every service does its work."""

    def service_pids(self) -> dict[str, int]:
        """Process ids of the services that run now."""
        return {name: state.pid for name, state in self.supervisor.states.items() if state.pid is not None}


@asynccontextmanager
async def running_stack(settings: Settings, say: Say, backoff: Backoff | None = None) -> AsyncIterator[RunningStack]:
    """Run a stack for as long as the block; enter it before everything is ready, leave it when all has ended.

    `backoff` None: the supervisor's own pauses before a crashed service starts again.
    Raises SettingsError, HomeInUseError, PortInUseError, JavaNotFoundError, JarsUnavailableError before anything is
    started.
    """
    prepare_home(settings)
    with hold(settings):
        await asyncio.to_thread(_refuse_misfit, settings)
        services = embedded_services(settings)
        if "broker" in services and not is_installed(settings.cache):
            await asyncio.to_thread(_install, settings, say)
        claims = ports.PortClaims(settings.cache)
        named = [*services, "supervisor", *(["controller"] if "broker" in services else [])]
        chosen = ports.resolve(settings, named, claims)
        where, keys = addresses(settings, chosen), ensure_keys(settings)
        kept = [_service(settings, name, chosen) for name in services]
        supervisor = Supervisor(kept, settings.logs_dir, say, backoff)
        stack = RunningStack(settings, where, keys, supervisor)
        jobs = Jobs(jobs_of(settings, chosen), settings.logs_dir, say)
        probes = ProbeServer(
            "127.0.0.1",
            chosen["supervisor"],
            lambda: metrics.health(supervisor.states, jobs.states),
            metrics.registry(supervisor.states, jobs.states),
        )
        running = asyncio.create_task(supervisor.run(stack.ready.set))
        scheduled = asyncio.create_task(jobs.run(stack.ready))
        try:
            async with as_long_as(running, scheduled, supervisor.stop):
                yield stack
        finally:
            probes.close()
            claims.release()


@asynccontextmanager
async def as_long_as(
    running: asyncio.Task[None], scheduled: asyncio.Task[None], stop: Callable[[], None]
) -> AsyncIterator[None]:
    """Interrupt the block when services or jobs end by an error, end both with the block, and raise that error."""
    for task in (running, scheduled):
        task.add_done_callback(_interrupter(asyncio.current_task()))
    try:
        yield
    except asyncio.CancelledError:
        if not running.done() and _error_of(scheduled) is None:  # someone else's wish, not the interrupter's
            raise
    finally:
        scheduled.cancel()
        await asyncio.wait([scheduled])
        stop()
        await running
    if (error := _error_of(scheduled)) is not None:
        error.add_note("Tidegate's scheduled jobs ended by this, and the stack with them.")
        raise error


async def up(settings: Settings, say: Say) -> None:
    """Run the stack until SIGINT or SIGTERM; a second one kills what doesn't stop."""
    began, asked = time.monotonic(), asyncio.Event()
    say(f"starting Tidegate in {settings.home}")
    async with running_stack(settings, say) as stack:
        stop_on_signals(asked, stack.supervisor)
        ready = asyncio.create_task(stack.ready.wait())
        stopping = asyncio.create_task(asked.wait())
        await asyncio.wait([ready, stopping], return_when=asyncio.FIRST_COMPLETED)
        if not asked.is_set():
            write_fact(settings, "stack", stack_fact(stack))
            say(f"ready in {time.monotonic() - began:.1f} s")
            for line in first_steps(stack):
                say(line)
        await stopping
        ready.cancel()
        say("stopping")
    say("stopped; everything is kept in " + str(settings.home))


def stop_on_signals(asked: asyncio.Event, supervisor: Supervisor, one_press_seconds: float = ONE_PRESS_SECONDS) -> None:
    """Set `asked` at the first SIGINT or SIGTERM, kill the services at the next.

    One press of Ctrl-C may come twice: from the terminal to the whole group, and passed on by `uv run` or `make`.
    """
    loop = asyncio.get_running_loop()
    pressed_at: list[float] = []

    def asked_to_stop() -> None:
        pressed_at.append(loop.time())
        if pressed_at[-1] - pressed_at[0] > one_press_seconds:
            supervisor.stop()
        asked.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked_to_stop)


def stack_fact(stack: RunningStack) -> dict[str, object]:
    """What run/stack.json says about a ready stack."""
    where = stack.where
    return {
        "brokers": where.brokers,
        "clickhouse_url": where.clickhouse_url,
        "gateway_url": where.gateway_url,
        "dashboard_url": where.dashboard_url,
        "supervisor_url": where.supervisor_url,
        "pids": stack.service_pids(),
    }


def first_steps(stack: RunningStack) -> Sequence[str]:
    """Addresses, and what to do with them."""
    where, key = stack.where, stack.keys.write_key
    return (
        "",
        f"  dashboard   {where.dashboard_url}",
        f"  gateway     {where.gateway_url}    write key {key}",
        f"  ClickHouse  {where.clickhouse_url}    no password needed to read",
        f"  Kafka       {where.brokers}",
        f"  logs        {stack.settings.logs_dir}",
        "",
        f"First steps: open {where.dashboard_url}/start for keys and a snippet for your client, or send one event:",
        f"  curl -u {key}: {where.gateway_url}/v1/track -H 'content-type: application/json' \\",
        """       -d '{"event": "first_event", "anonymousId": "me", "properties": {"feature": "curl"}}'""",
        f"  curl {where.clickhouse_url} -d 'SELECT name, occurred_at FROM analytics.events FORMAT PrettyCompact'",  # noqa: S608 - shown, not run
        "Ctrl-C stops everything; `tidegate doctor` says what is wrong if something is.",
        "",
    )


def _interrupter(task: asyncio.Task[None] | None) -> Callable[[asyncio.Task[None]], None]:
    """Make a callback that cancels `task` when another one fails, so that nobody waits for what is gone."""

    def ended(other: asyncio.Task[None]) -> None:
        if task is not None and _error_of(other) is not None:
            task.cancel()

    return ended


def _error_of(task: asyncio.Task[None]) -> BaseException | None:
    return task.exception() if task.done() and not task.cancelled() else None


def _refuse_misfit(settings: Settings) -> None:
    """SettingsError if the topics have another partition count; one that can't be told is told by the worker."""
    from confluent_kafka import KafkaException  # noqa: PLC0415 - loads librdkafka

    from tidegate_infra.broker.generations import kept_partitions, misfit_of_stack  # noqa: PLC0415 - same
    from tidegate_infra.broker.topics import partition_counts  # noqa: PLC0415 - same

    try:
        own = settings.brokers
        counts = partition_counts(own, _ASK_SECONDS) if own else kept_partitions(settings.data_dir / "broker")
    except KafkaException:
        return
    if wrong := misfit_of_stack(settings, counts):
        raise SettingsError(": ".join(wrong))


def _install(settings: Settings, say: Say) -> None:
    from tidegate_infra.broker.aot import ensure_archive  # noqa: PLC0415 - loads librdkafka, once a machine

    try:
        ensure_archive(settings.cache, say)
    except BrokerError as error:
        say(f"{error}; going on without the archive, which only makes starting quicker")


def _service(settings: Settings, name: str, chosen: dict[str, int]) -> Service:
    host = "127.0.0.1"
    ready = (
        answers_tcp(host, chosen[name])
        if name == "broker"
        else answers_http(host, chosen[name], _HEALTH_PATHS.get(name, "/healthz"))
    )
    return Service(
        name,
        [sys.executable, "-m", "tidegate_infra", name],
        stage=_STAGES[name],
        environment=child_environment(settings, chosen),
        ready=ready,
        stop_seconds=_STOP_SECONDS.get(name, 10.0),
    )
