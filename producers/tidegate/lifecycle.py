"""A process's turns: fork, SIGTERM, exit. Clients register, and are told."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import threading
import time
import weakref
from types import FrameType
from typing import Protocol

from tidegate.errors import InvalidSettingError

FLUSH_SECONDS = 5.0
"""On SIGTERM; whoever sent it waits some time before SIGKILL, Kubernetes 30 s."""
EXIT_SECONDS = 10.0


class Registered(Protocol):
    """What a client does at each turn."""

    def after_fork_in_child(self) -> None:
        """Become a producer of its own."""

    def flush(self, timeout_seconds: float) -> int:
        """Deliver what is queued."""

    def shutdown(self, timeout_seconds: float) -> int:
        """Deliver what is queued, and stop."""


_clients: weakref.WeakSet[Registered] = weakref.WeakSet()
_flushed_on_sigterm: weakref.WeakSet[Registered] = weakref.WeakSet()


def register(client: Registered, *, flush_on_sigterm: bool) -> None:
    """Tell this client of forks and of the process's end. InvalidSettingError for signals off the main thread."""
    _clients.add(client)
    if flush_on_sigterm:
        if threading.current_thread() is not threading.main_thread():
            raise InvalidSettingError("flush_on_sigterm works on the main thread only: start the client there")
        _flushed_on_sigterm.add(client)
        _install()


def _install() -> None:
    before = signal.getsignal(signal.SIGTERM)
    if getattr(before, "belongs_to_tidegate", False):
        return

    def handle(number: int, frame: FrameType | None) -> None:
        deadline = time.monotonic() + FLUSH_SECONDS
        for client in list(_flushed_on_sigterm):
            with contextlib.suppress(Exception):
                client.flush(max(0.0, deadline - time.monotonic()))
        if callable(before):
            before(number, frame)
        elif before is signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    handle.belongs_to_tidegate = True  # type: ignore[attr-defined]
    signal.signal(signal.SIGTERM, handle)


def _in_child() -> None:
    for client in list(_clients):
        with contextlib.suppress(Exception):
            client.after_fork_in_child()


@atexit.register
def _at_exit() -> None:
    deadline = time.monotonic() + EXIT_SECONDS
    for client in list(_clients):
        with contextlib.suppress(Exception):
            client.shutdown(max(0.1, deadline - time.monotonic()))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
