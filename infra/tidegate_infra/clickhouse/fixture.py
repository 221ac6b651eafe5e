"""A running embedded ClickHouse for tests: the real process, on a port that the system picks."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tidegate_infra.allocators import missing
from tidegate_infra.clickhouse.__main__ import PASSWORD_VARIABLE
from tidegate_infra.processes import spawn, stop_group

_READY_SECONDS = 60.0
_STOP_SECONDS = 20.0
PROGRAM = ("-m", "tidegate_infra.clickhouse")


@dataclass(frozen=True)
class RunningClickHouse:
    """Where it answers, and its process."""

    url: str
    writer_password: str
    process: subprocess.Popen[bytes]

    @property
    def port(self) -> int:
        """Port of the HTTP interface."""
        port = urlsplit(self.url).port
        if port is None:
            raise ValueError(f"no port in {self.url}")
        return port


def launch(
    home: Path, port: int = 0, writer_password: str | None = None, program: Sequence[str] = PROGRAM
) -> RunningClickHouse:
    """Start the process and wait for its address. The caller ends it; it dies with the caller at the latest."""
    password = writer_password or secrets.token_hex(16)
    home.mkdir(parents=True, exist_ok=True)
    path = home / "clickhouse.log"
    with path.open("ab") as log:
        begin = log.tell()
        argv = [sys.executable, *program, "--path", str(home / "clickhouse"), "--port", str(port)]
        process = spawn(argv, log, {**missing(os.environ), **os.environ, PASSWORD_VARIABLE: password})
    return RunningClickHouse(_address(path, begin, process), password, process)


def _address(log: Path, begin: int, process: subprocess.Popen[bytes]) -> str:
    """The address that the process prints first."""
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        said = log.read_bytes()[begin:]
        for line in said.splitlines(keepends=True):
            if line.startswith(b'{"url"') and line.endswith(b"\n"):
                return str(json.loads(line)["url"])
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise RuntimeError(f"the embedded ClickHouse did not start: {said[-2000:].decode(errors='replace')}")
        threading.Event().wait(0.02)


@contextmanager
def start(home: Path, program: Sequence[str] = PROGRAM) -> Iterator[RunningClickHouse]:
    """Run one with its data under `home`, and stop it in the end."""
    running = launch(home, program=program)
    try:
        yield running
    finally:
        stop_group(running.process.pid, signal.SIGTERM)
        try:
            running.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            stop_group(running.process.pid, signal.SIGKILL)
            running.process.wait()
