"""Child processes that never outlive their parent, and free ports for them."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import IO

__all__ = ["free_ports", "spawn", "stop_group"]

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
