"""Tidegate against other stream processors, on the same bytes and the same work, a core each; see `peers/`.

Every run has a fresh broker that holds the whole input, and its results are compared with those of the columnar work
in memory. BENCH_EVENTS and BENCH_ROUNDS make it shorter.
"""

from __future__ import annotations

import atexit
import os
import pickle
import random
import shutil
import statistics
import sys
import tempfile
from bisect import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeVar

from tests.benchmarks.peers import arena, in_memory, inputs, results
from tests.benchmarks.peers import stages as stages_script
from tests.benchmarks.peers.in_memory import Record
from tests.benchmarks.peers.systems import System

from tidegate_infra import allocators
from tidegate_infra.keys import ensure_keys
from tidegate_infra.settings import Settings

EVENTS = 1_000_000
SHARES: Mapping[str, float] = {"gate": 0.7, "windows": 1.5, "rows": 1.6}
"""Of EVENTS, what Tidegate gets of a job; of a shape, two fifths. A run takes some ten seconds, of which starting, the
last flush and the last commit are one and a half."""
ROUNDS = 5
KEYS = 1_000
ZIPF = 1.1
_ZIPF_SHARES = list(accumulate(1 / rank**ZIPF for rank in range(1, KEYS + 1)))
SHAPES: Mapping[str, Callable[[random.Random], int]] = {
    "10_keys": lambda rng: rng.randrange(10),
    "100000_keys": lambda rng: rng.randrange(100_000),
    "uniform_keys": lambda rng: rng.randrange(KEYS),
    "zipf_keys": lambda rng: bisect(_ZIPF_SHARES, rng.random() * _ZIPF_SHARES[-1]),
    "half_on_one_key": lambda rng: 0 if rng.random() < 0.5 else rng.randrange(KEYS),
}
"""Which of so many keys a span has."""
T = TypeVar("T")
#: The input is kept as well, so that no other gets its id.
_expected: dict[int, tuple[Sequence[Record], Any]] = {}


@dataclass(frozen=True)
class Rate:
    """Records per second, and per second of the process's own CPU time, which other work disturbs less."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Contestant:
    """Who is measured at what: a system, or the columnar work in memory where there is none."""

    name: str
    job: str
    system: System | None


def side_by_side(contestants: Sequence[Contestant], home: Path) -> Mapping[str, Rate]:
    """Medians by contestant. Each round has all of them in turn, so that a slow minute is nobody's alone."""
    found: dict[str, list[Rate]] = {each.name: [] for each in contestants}
    for _ in range(_rounds()):
        for each in contestants:
            with tempfile.TemporaryDirectory(dir=home) as own:
                found[each.name].append(_measured(each, Path(own) / "run"))
    return {name: median(rates) for name, rates in found.items()}


def _measured(contestant: Contestant, home: Path) -> Rate:
    system, job = contestant.system, contestant.job
    records, keys = given(job, round(_number(job) * (system.share if system else 1.0)))
    if system is None:
        return _in_memory(job, records, home, keys)
    return measure(system, "windows" if job in SHAPES else job, records, home, keys)


def measure(system: System, job: str, records: Sequence[Record], home: Path, keys: Path) -> Rate:
    """One run of a system. DifferentError if its results aren't the right ones."""
    with arena.run(system, job, records, home, keys) as left:
        check(system, job, records, keys, left)
        return Rate(left.records_per_second, len(records) / left.cpu_seconds)


def check(system: System, job: str, records: Sequence[Record], keys: Path, left: arena.Left) -> None:
    """Compare what a system left with the columnar work in memory."""
    if job == "gate":
        results.compare_clean(system.name, list(left.values(results.clean_topics())), _passed(records, keys))
        return
    if job == "rows":
        results.compare_counts(system.name, left, records)
        return
    expected, found = _windows(records), results.windows_of(left)
    if system.leaves_open:
        last = max(key[0] for key in expected)
        expected = {key: row for key, row in expected.items() if key[0] < last}
        found = {key: row for key, row in found.items() if key[0] < last}
    results.compare(system.name, found, expected)


def _passed(records: Sequence[Record], keys: Path) -> list[tuple[bytes, bytes]]:
    return _once(records, lambda: list(results.pairs(in_memory.gate(records, keys))))


def _windows(records: Sequence[Record]) -> results.Results:
    return _once(records, lambda: results.window_rows(in_memory.windows(records)))


def _once(records: Sequence[Record], make: Callable[[], T]) -> T:
    """What is expected of an input, which every round has again."""
    if id(records) not in _expected:
        _expected[id(records)] = records, make()
    expected: T = _expected[id(records)][1]
    return expected


def median(rates: Sequence[Rate]) -> Rate:
    """Each of the two by itself."""
    return Rate(statistics.median(rate.wall for rate in rates), statistics.median(rate.cpu for rate in rates))


@cache
def given(job: str, number: int) -> tuple[list[Record], Path]:
    """Input of a job, so many records (of `rows` some fewer, as the gate refuses some), and the keys for it."""
    keys = _keys()
    if job in SHAPES:
        return inputs.keyed_spans(number, keys, SHAPES[job]), keys
    if job == "windows":
        return inputs.spans(inputs.clean(inputs.raw(number, {"span"}), keys)), keys
    raw = inputs.raw(number)
    return (raw if job == "gate" else inputs.clean(raw, keys)), keys


@cache
def _keys() -> Path:
    """Those of all runs of this process, gone with it."""
    home = Path(tempfile.mkdtemp(prefix="tidegate-bench-"))
    atexit.register(shutil.rmtree, home)
    settings = Settings(home=home)
    ensure_keys(settings)
    return settings.keys_dir


def _number(job: str) -> int:
    return round(int(os.environ.get("BENCH_EVENTS", EVENTS)) * SHARES.get(job, 0.4))


def _in_memory(job: str, records: Sequence[Record], home: Path, keys: Path) -> Rate:
    said = _told(in_memory.__file__, [job], records, home, keys)
    return Rate(said["records_per_second"], said["seen"] / said["cpu_seconds"])


def stages(home: Path) -> Mapping[str, float]:
    """Medians of the microseconds an event that each stage takes, both hops' columnar work in memory."""
    records, keys = given("gate", _number("gate"))
    found = [_told(stages_script.__file__, [], records, home / str(n), keys)["stages"] for n in range(_rounds())]
    return {stage: statistics.median(each[stage] for each in found) for stage in found[0]}


def _told(script: str, arguments: Sequence[str], records: Sequence[Record], home: Path, keys: Path) -> dict[str, Any]:
    home.mkdir(parents=True)
    path = home / "records"
    path.write_bytes(pickle.dumps([tuple(record) for record in records]))
    return arena.told([sys.executable, script, *arguments, str(path), str(keys)], "in memory", allocators.VARIABLES)


def _rounds() -> int:
    return int(os.environ.get("BENCH_ROUNDS", ROUNDS))
