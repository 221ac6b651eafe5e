"""Exceptions that nothing caught, of the main thread and of others: `instrument(client)`."""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import Any

from tidegate.client import Client

FLUSH_SECONDS = 2.0


def instrument(client: Client) -> None:
    """Report them, and leave the rest to the hooks that were there before."""
    before, before_threads = sys.excepthook, threading.excepthook

    def hook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            client.error(error, level="fatal", handled=False)
            client.flush(FLUSH_SECONDS)
        before(kind, error, traceback)

    def thread_hook(arguments: Any) -> None:
        if arguments.exc_value is not None and not issubclass(arguments.exc_type, SystemExit):
            client.error(arguments.exc_value, handled=False)
        before_threads(arguments)

    sys.excepthook, threading.excepthook = hook, thread_hook
