"""An office in a process of its own, for as long as it works: the dashboard's holds neither keys nor what reads them.

The child is told on its standard input, so that no id is in a list of processes. It answers with a line of JSON; an
export's rows follow it, and are written to no disk. When the child hears that they were taken, it puts that on record.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from tidegate_dashboards.rights import Handout
from tidegate_infra.errors import RightsError
from tidegate_infra.privacy.rights.desk import Asked

__all__ = ["OfficeApart"]

CHILD = "tidegate_infra.privacy.rights.child"
_BLOCK_BYTES = 65_536


@dataclass(frozen=True)
class OfficeApart:
    """See `Office`. Raises RightsError with what the child says is wrong, or that it said nothing."""

    home: Path

    def ask(self, asked: Asked) -> str:
        """See `Office.ask`."""
        return str(self._answer({"act": "ask", "asked": asdict(asked)}))

    def confirm(self, operator: str, receipt_id: str) -> Literal["erasure", "export"]:
        """See `Office.confirm`. The child goes on until the erasure is done."""
        answer = self._answer({"act": "confirm", "operator": operator, "receipt_id": receipt_id})
        return "export" if answer == "export" else "erasure"

    def refuse(self, operator: str, receipt_id: str) -> None:
        """See `Office.refuse`."""
        self._answer({"act": "refuse", "operator": operator, "receipt_id": receipt_id})

    def settle(self) -> str:
        """See `Office.settle`."""
        return str(self._answer({"act": "settle"}))

    def export(self, operator: str, receipt_id: str) -> Handout:
        """See `Office.export`."""
        process = self._started({"act": "export", "operator": operator, "receipt_id": receipt_id})
        try:
            name, said = _first_line(process)
        except RightsError:
            _end(process)
            raise
        return Handout(name, said, _rest(process), partial(_taken, process), partial(_end, process))

    def _answer(self, request: Mapping[str, Any]) -> Any:
        process = self._started(request)
        if process.stdin is not None:
            process.stdin.close()
        try:
            return _first_line(process)
        finally:
            # It may go on for minutes; somebody has to take its exit code.
            threading.Thread(target=_reap, args=(process,), name="office", daemon=True).start()

    def _started(self, request: Mapping[str, Any]) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"TIDEGATE_HOME": str(self.home)},
        )
        if process.stdin is not None:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
        return process


def _first_line(process: subprocess.Popen[bytes]) -> Any:
    first = process.stdout.readline() if process.stdout is not None else b""
    if not first.endswith(b"\n"):
        raise RightsError("that did not work: is ClickHouse there? The dashboard's log says more")
    answer = json.loads(first)
    if "error" in answer:
        raise RightsError(answer["error"])
    return answer["answer"]


def _rest(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    if process.stdout is not None:
        while block := process.stdout.read(_BLOCK_BYTES):
            yield block


def _taken(process: subprocess.Popen[bytes]) -> None:
    """Tell the child, which puts it on record. One that broke off isn't there to hear it, or ends with an error."""
    try:
        process.communicate(b"taken\n")
    except (BrokenPipeError, ValueError):
        process.wait()
    if process.returncode != 0:
        raise RightsError("the export broke off: what was sent is not all. The dashboard's log says more")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    _reap(process)


def _reap(process: subprocess.Popen[bytes]) -> None:
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
