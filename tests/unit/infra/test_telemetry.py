"""Our own logs and exception reports."""

import gzip
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import brotli
import pytest

from tidegate_infra.telemetry import JsonLines, LoopGuard

_DECODE: dict[str, Callable[[bytes], bytes]] = {"": bytes, "gzip": gzip.decompress, "br": brotli.decompress}


class Gateway(HTTPServer):
    """Keeps the bodies that are posted to it."""

    bodies: list[str]
    paths: list[str]


class _Handler(BaseHTTPRequestHandler):
    server: Gateway

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        plain = _DECODE[self.headers.get("Content-Encoding", "")](body)
        self.server.bodies.append(plain.decode())
        self.server.paths.append(self.path)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def gateway() -> Iterator[Gateway]:
    server = Gateway(("127.0.0.1", 0), _Handler)
    server.bodies, server.paths = [], []
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


FAILING = """
import sys
from tidegate_infra.telemetry import report_exceptions
report_exceptions("worker", sys.argv[1], "tidegate@test")
def fold(secret):
    raise ValueError("no such window")
fold("canary-7d1f")
"""


def test_an_unhandled_exception_reaches_the_internal_project_without_local_variables() -> None:
    with gateway() as server:
        dsn = f"http://key@127.0.0.1:{server.server_port}/0"
        subprocess.run([sys.executable, "-c", FAILING, dsn], capture_output=True, check=False, timeout=60)
    (body,) = server.bodies
    assert server.paths == ["/api/0/envelope/"]
    assert '"no such window"' in body
    assert '"service":"worker"' in body
    assert "canary-7d1f" not in body.replace('fold(\\"canary-7d1f\\")', ""), "a value of a variable left the process"


def test_a_report_about_the_internal_project_is_dropped() -> None:
    guard = LoopGuard()
    assert guard({"request": {"url": "http://127.0.0.1:8300/api/0/envelope/"}}, {}) is None
    assert guard({"request": {"url": "http://127.0.0.1:8300/api/1/envelope/"}}, {}) is not None


def test_reports_are_capped_in_a_window_and_go_on_after_it() -> None:
    now = [0.0]
    guard = LoopGuard(most=2, window_seconds=60, clock=lambda: now[0])
    assert [guard({}, {}) is not None for _ in range(4)] == [True, True, False, False]
    now[0] = 59.9
    assert guard({}, {}) is None
    now[0] = 60.0
    assert guard({}, {}) is not None


def test_a_report_carries_neither_request_nor_user() -> None:
    event = {
        "request": {"url": "http://x/v1/batch", "headers": {"cookie": "c"}},
        "user": {"ip": "1.2.3.4"},
        "level": "error",
    }
    assert LoopGuard()(event, {}) == {"level": "error"}


def test_a_log_line_is_one_json_object() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        record = logging.LogRecord("a.b", logging.ERROR, "", 1, "failed after %d s", (3,), sys.exc_info())
    line = JsonLines("worker").format(record)
    assert "\n" not in line
    found = json.loads(line)
    assert (found["message"], found["service"], found["level"]) == ("failed after 3 s", "worker", "error")
    assert "ValueError: two\nlines" in found["exception"]


@pytest.mark.parametrize("level", ["debug", "warning"])
def test_the_level_that_was_set_is_the_least_that_is_logged(level: str) -> None:
    script = (
        "import logging, sys; from tidegate_infra.telemetry import log_to_stdout; log_to_stdout('worker', sys.argv[1]);"
        "logging.getLogger('x').info('hello'); logging.getLogger('httpx').info('chatter')"
    )
    done = subprocess.run([sys.executable, "-c", script, level], capture_output=True, text=True, check=True, timeout=60)
    assert ("hello" in done.stdout) == (level == "debug")
    assert "chatter" not in done.stdout
