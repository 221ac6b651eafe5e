"""Child processes that never outlive their parent, and free ports for them."""

import asyncio
import asyncio.subprocess
import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

import psutil

__all__ = ["free_ports", "pss_bytes", "spawn", "spawn_async", "stop_group"]

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def spawn(argv: Sequence[str], log: IO[bytes], env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start a child in a process group of its own, with its output in `log`; it dies when this process does.

    On Linux the kernel sees to that, SIGKILL of the parent included; elsewhere the child stays if the parent is
    killed. The bond survives exec and is to the *thread* that calls this: call it from one that lives long enough.
    """
    return subprocess.Popen(  # noqa: S603 - callers pass their own arguments
        argv,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=env,
        start_new_session=True,
        preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509 - one system call, bound before the fork
    )


async def spawn_async(
    argv: Sequence[str], log: IO[bytes], env: Mapping[str, str] | None = None
) -> asyncio.subprocess.Process:
    """As `spawn`, for asyncio; the bond is to the thread of the running loop."""
    return await asyncio.create_subprocess_exec(
        *argv,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=env,
        start_new_session=True,
        preexec_fn=_die_with(os.getpid()),
    )


def pss_bytes(pid: int) -> int:
    """Proportional memory of a process and its descendants; resident memory where the system has no PSS; 0 if gone."""
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        process = psutil.Process(pid)
        for each in [process, *process.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                rollup = Path(f"/proc/{each.pid}/smaps_rollup")
                if rollup.exists():
                    total += _rollup_pss(rollup)
                else:
                    total += each.memory_info().rss
    return total


def _rollup_pss(rollup: Path) -> int:
    try:
        lines = rollup.read_text(encoding="ascii").splitlines()
    except OSError:  # it ended while we looked
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def _die_with(parent: int) -> Callable[[], None]:
    def before_exec() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # the parent died before the line above
                os._exit(1)

    return before_exec


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Different ports that nothing listens on right now, chosen by the system."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((host, 0))
        return [int(each.getsockname()[1]) for each in sockets]


def stop_group(pid: int, signal_number: int) -> None:
    """Send a signal to a child's process group; nothing happens if it is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal_number)
