"""PSS of `tidegate up` after ten minutes at 5,000 events/s, by process, and how much of it came in the second half."""

import json
import os
import signal
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.pipeline import feed

from tidegate_infra.home import fact_path
from tidegate_infra.processes import pss_bytes, spawn, stop_group
from tidegate_infra.settings import Settings

SECONDS = 600.0
EVERY_SECONDS = 5.0
START_SECONDS = 180.0
STOP_SECONDS = 60.0


@dataclass(frozen=True)
class Footprint:
    """Medians of the last fifth, in bytes, and growth since the third fifth as a share."""

    total_bytes: float
    growth: float
    by_process: Mapping[str, float]


def measure(home: Path) -> Footprint:
    """Run the stack as its users do, and feed it from outside, so that what is measured is the stack alone."""
    settings = Settings(home=home)
    home.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "TIDEGATE_HOME": str(home)}
    with (home / "up.log").open("wb") as log:
        stack = spawn([sys.executable, "-m", "tidegate_infra", "up"], log, environment)
        try:
            fact = _ready(fact_path(settings, "stack"))
            pids = {**fact["pids"], "supervisor": stack.pid}
            return _watch(fact["brokers"], pids)
        finally:
            stack.terminate()
            stack.wait(STOP_SECONDS)
            stop_group(stack.pid, signal.SIGKILL)


def _ready(path: Path) -> dict[str, Any]:
    deadline = time.monotonic() + START_SECONDS
    while not path.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"the stack was not ready within {START_SECONDS:g} s; its output is in {path.parents[1]}"
            )
        threading.Event().wait(0.1)
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _watch(brokers: str, pids: Mapping[str, int]) -> Footprint:
    stop = threading.Event()
    feeding, samples = feed(brokers, stop), list[Counter[str]]()
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        stop.wait(EVERY_SECONDS)
        samples.append(_sample(pids))
    stop.set()
    feeding.join()
    fifth = len(samples) // 5
    middle, last = samples[2 * fifth : 3 * fifth], samples[-fifth:]
    by_process = {name: statistics.median(sample[name] for sample in last) for name in pids}
    total = statistics.median(sample.total() for sample in last)
    return Footprint(total, total / statistics.median(sample.total() for sample in middle) - 1, by_process)


def _sample(pids: Mapping[str, int]) -> Counter[str]:
    """PSS of each process; the supervisor's is what its tree has beside the services."""
    found = Counter({name: pss_bytes(pid) for name, pid in pids.items()})
    found["supervisor"] = 2 * found["supervisor"] - found.total()
    return found
