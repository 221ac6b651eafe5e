"""The embedded ClickHouse as something that a fault can kill, start again, slow down, or let run out of disk."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.matrix.link import SlowLink

from tidegate_infra.clickhouse import fixture
from tidegate_infra.processes import stop_group

DISK_BYTES = 400 << 20
LEFT_BYTES = 64 << 10


class Engine:
    """A running engine, reached by tests directly and by workers over a link."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._running = fixture.launch(home)
        self.link = SlowLink(self._running.port)
        self.url, self.writer_password = self._running.url, self._running.writer_password

    @property
    def url_of_workers(self) -> str:
        """Where workers reach it."""
        return f"http://127.0.0.1:{self.link.port}"

    def kill(self) -> None:
        """SIGKILL."""
        stop_group(self._running.process.pid, signal.SIGKILL)
        self._running.process.wait()

    def start_again(self) -> None:
        """At the same address, with the same data."""
        self._running = fixture.launch(self.home, self._running.port, self.writer_password)

    def stop(self) -> None:
        """End it, and the link."""
        self.link.close()
        self.kill()


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Mount a small disk in memory over a folder. Needs the right to mount: root."""
    folder.mkdir(parents=True, exist_ok=True)
    _run("mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder))
    try:
        yield
    finally:
        _run("umount", "--lazy", str(folder))


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"`{' '.join(command)}` failed: {done.stderr.strip()}; the disk fault needs root")


def fill_disk(folder: Path) -> Path:
    """Leave next to nothing free; returns the file to be removed."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        block = b"\0" * (1 << 20)
        while True:
            try:
                file.write(block)
            except OSError:  # full, as wanted
                break
    with ballast.open("r+b") as file:
        file.truncate(ballast.stat().st_size - LEFT_BYTES)
    return ballast
