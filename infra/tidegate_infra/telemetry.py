"""What our own processes say: JSON lines in their logs, and exceptions to the internal project of the own gateway.

The loop guard: an exception report is itself an event on the gateway's way. So the gateway never reports what happened
in a request of the internal project, and every process reports at most a few exceptions a minute.
"""

import json
import logging
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

__all__ = ["INTERNAL_PROJECT", "JsonLines", "LoopGuard", "log_to_stdout", "report_exceptions"]

INTERNAL_PROJECT = 0
_INTERNAL_PATH = re.compile(rf"/api/{INTERNAL_PROJECT}/")
_CLOSE_SECONDS = 1
_SELF_HEALING = ("aiokafka.*",)
"""Loggers that call it an error when a broker isn't there yet, and go on by themselves."""


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, service, message, and the exception with its stack."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Write a record; texts that aren't JSON become strings."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def log_to_stdout(service: str, level: str) -> None:
    """Send all of this process's logging to standard output as JSON lines; replaces what was set up before."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines(service))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # These tell of each request or poll at "info", which would be most of the log.
    for chatty in ("httpx", "httpcore", "aiokafka", "kafka", "uvicorn.access"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))
    logging.getLogger("urllib3").setLevel(
        logging.ERROR
    )  # a warning for each retry of a report while the gateway is away


class LoopGuard:
    """Decides which exception reports leave the process: sentry-sdk's `before_send`. Thread-safe."""

    def __init__(self, most: int = 10, window_seconds: float = 60, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._window_seconds = window_seconds
        self._clock = clock
        self._sent: deque[float] = deque()
        self._lock = threading.Lock()

    def __call__(self, event: Any, _hint: Any) -> Any:
        """Return the event to send, or None: of the internal project itself, or over `most` in a window."""
        if _INTERNAL_PATH.search(str((event.get("request") or {}).get("url") or "")):
            return None
        now = self._clock()
        with self._lock:
            while self._sent and self._sent[0] <= now - self._window_seconds:
                self._sent.popleft()
            if len(self._sent) >= self._most:
                return None
            self._sent.append(now)
        # What a request carried may be personal; what failed is in the stack.
        event.pop("request", None)
        event.pop("user", None)
        event.pop("breadcrumbs", None)
        return event


@contextmanager
def _without_django() -> Iterator[None]:
    """Hide Django: sentry-sdk loads it where it is installed, for a debugger of its own: 12 MB a process."""
    hidden = [name for name in ("django", "django.conf") if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None is how a module is told absent
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@_without_django()
def report_exceptions(service: str, dsn: str, release: str, serves_http: bool = False) -> None:
    """Report this process's unhandled and logged exceptions; local variables, requests and users stay here."""
    import sentry_sdk  # noqa: PLC0415 - not needed by commands that don't report
    from sentry_sdk.integrations import Integration  # noqa: PLC0415 - same
    from sentry_sdk.integrations.logging import ignore_logger  # noqa: PLC0415 - same
    from sentry_sdk.integrations.threading import ThreadingIntegration  # noqa: PLC0415 - same

    # A copy of the scope for each call of a thread took a fiftieth of a worker's CPU time, and there is nothing in it.
    integrations: list[Integration] = [ThreadingIntegration(propagate_scope=False)]
    if serves_http:
        from sentry_sdk.integrations.starlette import StarletteIntegration  # noqa: PLC0415 - needs Starlette

        integrations.append(StarletteIntegration())
    sentry_sdk.init(
        dsn=dsn,
        release=release,
        environment="internal",
        server_name=service,
        before_send=LoopGuard(),
        integrations=integrations,
        auto_enabling_integrations=False,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        send_default_pii=False,
        send_client_reports=False,
        auto_session_tracking=False,
        shutdown_timeout=_CLOSE_SECONDS,
    )
    sentry_sdk.set_tag("service", service)
    for name in _SELF_HEALING:
        ignore_logger(name)
