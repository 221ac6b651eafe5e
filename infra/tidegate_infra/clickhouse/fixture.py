"""A running embedded ClickHouse for tests: the real process, on a port that the system picks."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tidegate_infra.clickhouse.__main__ import PASSWORD_VARIABLE


@dataclass(frozen=True)
class RunningClickHouse:
    """Where it answers, and its process."""

    url: str
    writer_password: str
    process: subprocess.Popen[str]

    @property
    def port(self) -> int:
        """Port of the HTTP interface."""
        port = urlsplit(self.url).port
        if port is None:
            raise ValueError(f"no port in {self.url}")
        return port


def launch(home: Path, port: int = 0, writer_password: str | None = None) -> RunningClickHouse:
    """Start the process and wait for its address. The caller ends it."""
    password = writer_password or secrets.token_hex(16)
    home.mkdir(parents=True, exist_ok=True)
    with (home / "clickhouse.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own module
            [
                sys.executable,
                "-m",
                "tidegate_infra.clickhouse",
                "--path",
                str(home / "clickhouse"),
                "--port",
                str(port),
            ],
            env=os.environ | {PASSWORD_VARIABLE: password},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        process.kill()
        process.wait()
        raise RuntimeError(f"the embedded ClickHouse did not start: {(home / 'clickhouse.log').read_text()[-2000:]}")
    return RunningClickHouse(json.loads(line)["url"], password, process)


@contextmanager
def start(home: Path) -> Iterator[RunningClickHouse]:
    """Run one with its data under `home`, and stop it in the end."""
    running = launch(home)
    try:
        yield running
    finally:
        running.process.terminate()
        try:
            running.process.wait(20)
        except subprocess.TimeoutExpired:
            running.process.kill()
            running.process.wait()
        if running.process.stdout:
            running.process.stdout.close()
