"""The supervisor with small real processes."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tidegate_infra.supervisor import Backoff, Service, Supervisor

IDLE = [sys.executable, "-c", "import time; time.sleep(600)"]
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
)
QUICK = Backoff(first_seconds=0.05, last_seconds=0.2)


async def until(condition: Callable[[], bool], seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


def wait_until(condition: Callable[[], bool], seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def recorded_pids(folder: Path) -> list[int]:
    return [int(path.read_text()) for path in folder.glob("child*")]


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


async def test_a_killed_service_is_started_again_and_the_console_says_so(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor([Service("worker", IDLE)], tmp_path, said.append, QUICK)
    running = asyncio.create_task(supervisor.run())
    state = supervisor.states["worker"]
    await until(lambda: state.pid is not None)
    first = state.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await until(lambda: state.pid not in {None, first})
    assert state.restarts == 1
    assert any(line.startswith("worker was ended by SIGKILL") and "restart 1" in line for line in said)
    supervisor.stop()
    await running
    assert state.pid is None


async def test_a_service_killed_on_purpose_is_started_again_at_once_however_often(tmp_path: Path) -> None:
    supervisor = Supervisor([Service("worker", IDLE)], tmp_path, lambda _line: None, Backoff(first_seconds=300))
    running = asyncio.create_task(supervisor.run())
    state, seen = supervisor.states["worker"], set[int]()
    for _ in range(4):
        await until(lambda: state.pid is not None and state.pid not in seen)
        assert state.pid is not None
        seen.add(state.pid)
        assert supervisor.kill("worker")
    await until(lambda: state.restarts == 4)
    supervisor.stop()
    await running
    assert not supervisor.kill("worker")


async def test_a_service_that_ends_with_success_is_started_again_too(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor([Service("short", [sys.executable, "-c", "print('hello')"])], tmp_path, said.append, QUICK)
    running = asyncio.create_task(supervisor.run())
    await until(lambda: supervisor.states["short"].restarts >= 2)
    supervisor.stop()
    await running
    assert any("short ended with code 0" in line for line in said)
    assert (tmp_path / "short.log").read_text().startswith("hello\nhello\n")


async def test_services_stop_from_the_highest_stage_down(tmp_path: Path) -> None:
    trail = tmp_path / "trail"
    script = (
        "import signal, sys, time\n"
        "def end(*_):\n"
        "    time.sleep(0.2); open(sys.argv[2], 'a').write(sys.argv[1] + ' '); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end); open(sys.argv[2] + sys.argv[1], 'w').close(); time.sleep(600)"
    )
    services = [
        Service(name, [sys.executable, "-c", script, name, str(trail)], stage=stage)
        for stage, name in enumerate(("broker", "worker", "gateway"))
    ]
    supervisor = Supervisor(services, tmp_path, lambda _line: None)
    running = asyncio.create_task(supervisor.run())
    await until(lambda: all(Path(f"{trail}{service.name}").exists() for service in services))
    supervisor.stop()
    await running
    assert trail.read_text().split() == ["gateway", "worker", "broker"]


async def test_a_service_that_ignores_the_request_to_stop_is_killed_at_its_deadline(tmp_path: Path) -> None:
    said: list[str] = []
    service = Service("deaf", [sys.executable, "-c", STUBBORN], stop_seconds=0.3)
    supervisor = Supervisor([service], tmp_path, said.append)
    running = asyncio.create_task(supervisor.run())
    await until(lambda: "deaf" in (tmp_path / "deaf.log").read_text() if (tmp_path / "deaf.log").exists() else False)
    pid = supervisor.states["deaf"].pid
    assert pid is not None
    supervisor.stop()
    await running
    assert gone(pid)
    assert said[-1] == "deaf did not stop within 0.3 s: killed"


async def test_stopping_does_not_wait_for_a_pause_between_two_starts(tmp_path: Path) -> None:
    failing = Service("failing", [sys.executable, "-c", "raise SystemExit(3)"])
    supervisor = Supervisor([failing], tmp_path, lambda _line: None, Backoff(first_seconds=300, last_seconds=300))
    running = asyncio.create_task(supervisor.run())
    await until(lambda: supervisor.states["failing"].restarts == 1)
    supervisor.stop()
    async with asyncio.timeout(5):
        await running


async def test_ready_is_told_once_every_service_does_its_work(tmp_path: Path) -> None:
    gate = asyncio.Event()
    told: list[str] = []

    async def probe() -> bool:
        return gate.is_set()

    services = [Service("quick", IDLE), Service("slow", IDLE, ready=probe)]
    supervisor = Supervisor(services, tmp_path, lambda _line: None)
    running = asyncio.create_task(supervisor.run(lambda: told.append("ready")))
    await until(lambda: supervisor.states["quick"].ready)
    assert not supervisor.all_ready
    assert told == []
    gate.set()
    await until(lambda: bool(told))
    assert supervisor.all_ready
    supervisor.stop()
    await running
    assert told == ["ready"]


async def test_children_of_a_crashed_service_are_gone_before_it_is_started_again(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys, os\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(tmp_path / 'child')!r} + str(os.getpid()), 'w').write(str(child.pid)); os._exit(1)"
    )
    supervisor = Supervisor([Service("forker", [sys.executable, "-c", script])], tmp_path, lambda _line: None, QUICK)
    running = asyncio.create_task(supervisor.run())
    await until(lambda: supervisor.states["forker"].restarts >= 1)
    supervisor.stop()
    await running
    children = recorded_pids(tmp_path)
    assert children
    assert wait_until(lambda: all(map(gone, children)))


@pytest.mark.parametrize(("crashes", "pause"), [(1, 0.5), (2, 1.0), (3, 2.0), (6, 15.0), (10_000, 15.0)])
def test_pauses_double_up_to_the_longest(crashes: int, pause: float) -> None:
    assert Backoff(first_seconds=0.5, last_seconds=15.0).pause_seconds(crashes) == pause


SUPERVISED = """
import asyncio, sys
from pathlib import Path
from tidegate_infra.supervisor import Service, Supervisor
idle = [sys.executable, "-c", "import time; time.sleep(600)"]
supervisor = Supervisor([Service("one", idle), Service("two", idle)], Path(sys.argv[1]), lambda _line: None)
def ready():
    print(*(state.pid for state in supervisor.states.values()), flush=True)
asyncio.run(supervisor.run(ready))
"""

UNSUPERVISED = """
import subprocess, sys, time
idle = [sys.executable, "-c", "import time; time.sleep(600)"]
print(subprocess.Popen(idle, start_new_session=True).pid, flush=True)
time.sleep(600)
"""


def kill_parent(script: str, folder: Path) -> list[int]:
    """Run a script that prints its children's pids, kill it with SIGKILL and return the pids."""
    parent = subprocess.Popen([sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    children = [int(pid) for pid in parent.stdout.readline().split()]
    parent.kill()
    parent.wait()
    parent.stdout.close()
    return children


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_no_service_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    children = kill_parent(SUPERVISED, tmp_path)
    assert len(children) == 2
    assert wait_until(lambda: all(map(gone, children)))


def test_control_a_plain_child_does_outlive_its_killed_parent(tmp_path: Path) -> None:
    (child,) = kill_parent(UNSUPERVISED, tmp_path)
    try:
        assert not wait_until(lambda: gone(child), seconds=1)
    finally:
        os.kill(child, signal.SIGKILL)
