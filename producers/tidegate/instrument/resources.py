"""CPU, memory, threads and garbage collection of this process as metrics: `instrument(client)`."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tidegate.client import Client
from tidegate.instruments import Attributes

_STATM = Path("/proc/self/statm")


def instrument(client: Client, timer: Callable[[], float] = time.monotonic) -> None:
    """OpenTelemetry's names: process.cpu.utilization, .memory.usage, .memory.virtual, .thread.count, cpython.gc.*."""
    cpu = _Cpu(timer)
    client.gauge("process.cpu.utilization", "1", cpu.utilization)
    client.gauge("process.memory.usage", "By", lambda: _memory(1))
    client.gauge("process.memory.virtual", "By", lambda: _memory(0))
    client.gauge("process.thread.count", "{thread}", lambda: [(threading.active_count(), {})])
    collected, collections = client.counter("cpython.gc.collected_objects"), client.counter("cpython.gc.collections")

    def count(phase: str, info: dict[str, int]) -> None:
        if phase == "stop":
            generation = {"generation": info["generation"]}
            collections.add(1, generation)
            collected.add(info["collected"], generation)

    gc.callbacks.append(count)


class _Cpu:
    """CPU seconds used in each second since the last look, by all threads, as a share of the machine's cores."""

    def __init__(self, timer: Callable[[], float]) -> None:
        self._timer = timer
        self._last = timer(), time.process_time()
        self._cores = os.cpu_count() or 1

    def utilization(self) -> Iterator[tuple[float, Attributes]]:
        now = self._timer(), time.process_time()
        (then, used), self._last = self._last, now
        if now[0] > then:
            yield min(1.0, max(0.0, now[1] - used) / (now[0] - then) / self._cores), {}


def _memory(field: int) -> Iterator[tuple[float, Attributes]]:
    """Of `/proc/self/statm`: total (0) or resident (1) size; nothing where there is no such file."""
    try:
        pages = int(_STATM.read_text().split()[field])
    except OSError:
        return
    yield pages * os.sysconf("SC_PAGE_SIZE"), {}
