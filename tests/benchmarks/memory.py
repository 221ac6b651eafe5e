"""PSS of the whole stack after ten minutes at 5,000 events/s, and how much of it came in the second half."""

import asyncio
import os
import statistics
import threading
import time
from pathlib import Path

from tests.benchmarks.pipeline import feed, on_stack

from tidegate_infra.processes import pss_bytes
from tidegate_infra.settings import Settings
from tidegate_infra.up import RunningStack

SECONDS = 600.0
EVERY_SECONDS = 5.0


def measure(home: Path) -> tuple[float, float]:
    """Bytes at the end, and growth from the third to the last fifth as a share."""
    return on_stack(Settings(home=home), lambda stack: asyncio.to_thread(_watch, stack))


def _watch(stack: RunningStack) -> tuple[float, float]:
    stop = threading.Event()
    own = pss_bytes(os.getpid()) - sum(pss_bytes(pid) for pid in stack.service_pids().values())
    feeding, samples = feed(stack.where.brokers, stop), []
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        stop.wait(EVERY_SECONDS)
        samples.append(float(sum(pss_bytes(pid) for pid in stack.service_pids().values()) + own))
    stop.set()
    feeding.join()
    fifth = len(samples) // 5
    middle, last = statistics.median(samples[2 * fifth : 3 * fifth]), statistics.median(samples[-fifth:])
    return last, last / middle - 1
