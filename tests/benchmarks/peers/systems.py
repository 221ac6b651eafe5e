"""The systems compared: how each is started, and how many records it gets, so that a round takes some ten seconds."""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.peers import kafka_streams

HERE = Path(__file__).parent
CACHE = HERE.parents[2] / ".cache" / "peers"


@dataclass(frozen=True)
class System:
    """`command` makes the beginning of its command line, installing what it needs first."""

    name: str
    command: Callable[[], Sequence[str]]
    share: float
    """Of the records that Tidegate gets."""
    needs_clickhouse: bool = False
    workers: int = 1
    """Processes, each on a core of its own."""
    leaves_open: bool = False
    """Whether it sends no window before a later one has begun: the last ones aren't looked at then."""


def _here(script: str) -> Callable[[], Sequence[str]]:
    return lambda: (sys.executable, str(HERE / script))


def apart(script: Path, wanted: Path) -> Sequence[str]:
    """The command of a script with an environment of its own under `.cache/peers`, made when it is first asked for."""
    home = CACHE / f"{wanted.stem}-{hashlib.sha256(wanted.read_bytes()).hexdigest()[:12]}"
    python = home / "bin" / "python"
    if not (home / ".ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
        pip: list[str | Path] = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", wanted], check=True)
        (home / ".ready").touch()
    return str(python), str(script)


def _apart(script: str, requirements: str) -> Callable[[], Sequence[str]]:
    """As its requirements don't fit beside Tidegate's."""
    return lambda: apart(HERE / script, HERE / requirements)


TIDEGATE = System("tidegate", _here("tidegate_worker.py"), 1.0, needs_clickhouse=True)
TIDEGATE_TWICE = dataclasses.replace(TIDEGATE, name="two_workers", workers=2)
FAUST = System("faust", _here("faust_vanilla.py"), 0.03)
FAUST_ROWS = dataclasses.replace(FAUST, share=0.015, needs_clickhouse=True)
QUIX = System("quix", _apart("quix.py", "requirements-quix.txt"), 0.06, leaves_open=True)
BYTEWAX = System("bytewax", _apart("bytewax_flow.py", "requirements-bytewax.txt"), 0.12)
KAFKA_STREAMS = System("kafka_streams", kafka_streams.command, 1.0)
