"""The figures of the stream processor, each as a ratio of two rates from one run."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.benchmarks import stream
from tests.benchmarks.peers.systems import (
    BYTEWAX,
    FAUST,
    FAUST_ROWS,
    KAFKA_STREAMS,
    QUIX,
    TIDEGATE,
    TIDEGATE_TWICE,
    System,
)
from tests.benchmarks.row import Row
from tests.benchmarks.stream import Contestant, Rate

Measured = Callable[[Path], Row]
BY_STAGE = "stream.cpu_microseconds_by_stage"
CORES_FOR_TWO = 4
"""Two for workers, two for the broker and ClickHouse."""

_FEWER_INSERTS = (
    "Waits for ClickHouse's inserts on the other core and 1.5 s for the last flush and commit: fewer, larger inserts, "
    "and folding on while one is under way, would move it"
)
MOVED_BY: Mapping[str, str] = {
    "stream.windows_against_bytes_in_memory": (
        "A second and a half of the run is the last flush and commit, on a quick core of four: a flush as soon as "
        "nothing more comes would move it"
    ),
    "stream.gate_against_faust": "Scrubbing JSON, a text at a time in Python, is a fifth of it: by column it would do",
    "stream.rows_against_faust": _FEWER_INSERTS,
    "stream.rows_against_bytes_in_memory": _FEWER_INSERTS,
}
"""What would bring a row to its mark, where that is known; told if it is missed."""


@dataclass(frozen=True)
class Comparison:
    """One row: `ours` against `theirs`, at least `mark` times."""

    ours: Contestant
    theirs: Contestant
    mark: float
    cores: int = 1
    """With fewer, the machine can't tell."""

    @property
    def name(self) -> str:
        """Of the row."""
        return f"stream.{self.ours.name}_against_{self.theirs.name}"


def groups() -> Sequence[Sequence[Comparison]]:
    """Rows by what is measured in the same rounds."""
    return (
        _job("gate", (FAUST, 25.0), (QUIX, 3.0), (BYTEWAX, 3.0), (KAFKA_STREAMS, 1.0)),
        _job("windows", (FAUST, 25.0), (QUIX, 3.0), (BYTEWAX, 3.0), (KAFKA_STREAMS, 1.0)),
        _job("rows", (FAUST_ROWS, 40.0)),
        (
            Comparison(_shape("100000_keys"), _shape("10_keys"), 0.5),
            Comparison(_shape("zipf_keys"), _shape("uniform_keys"), 0.8),
            Comparison(_shape("half_on_one_key"), _shape("uniform_keys"), 0.8),
        ),
        (Comparison(_workers("two_workers", TIDEGATE_TWICE), _workers("one_worker", TIDEGATE), 1.7, CORES_FOR_TWO),),
    )


def _job(job: str, *peers: tuple[System, float]) -> Sequence[Comparison]:
    ours = Contestant(job, job, TIDEGATE)
    against = [(Contestant(peer.name, job, peer), mark) for peer, mark in peers]
    against.append((Contestant("bytes_in_memory", job, None), 0.5))
    return [Comparison(ours, theirs, mark) for theirs, mark in against]


def _shape(name: str) -> Contestant:
    return Contestant(name, name, TIDEGATE)


def _workers(name: str, system: System) -> Contestant:
    return Contestant(name, "windows", system)


def rows(only: str = "") -> dict[str, Measured]:
    """Figures whose names begin so. A group's rounds have no others than these need."""
    found: dict[str, Measured] = {BY_STAGE: _by_stage}
    for group in groups():
        wanted = [one for one in group if one.name.startswith(only)]
        rounds = _Rounds(wanted)
        found |= {one.name: partial(_row, one, rounds) for one in wanted}
    return found


def _by_stage(home: Path) -> Row:
    spent = stream.stages(home)
    told = ", ".join(f"{stage} {micros:.1f}" for stage, micros in sorted(spent.items(), key=lambda one: -one[1]))
    reason = f"{told}; earlier versions are in docs/performance.md"
    return Row(BY_STAGE, sum(spent.values()), "µs an event, in memory", None, None, "falls", None, reason)


class _Rounds:
    """What some comparisons need, measured when the first one asks."""

    def __init__(self, wanted: Sequence[Comparison]) -> None:
        self._contestants = tuple(dict.fromkeys(each for one in wanted for each in (one.ours, one.theirs)))
        self._rates: Mapping[str, Rate] = {}

    def rates(self, home: Path) -> Mapping[str, Rate]:
        """By the contestants' names."""
        self._rates = self._rates or stream.side_by_side(self._contestants, home)
        return self._rates


def _row(one: Comparison, rounds: _Rounds, home: Path) -> Row:
    found = rounds.rates(home)
    ours, theirs = found[one.ours.name], found[one.theirs.name]
    ratio = ours.wall / theirs.wall
    enough = len(os.sched_getaffinity(0)) >= one.cores
    busy = f"busy for {ours.wall / ours.cpu:.0%} of the time: the rest went to waiting for Kafka and ClickHouse"
    reason = f"by CPU time {ours.cpu:,.0f} against {theirs.cpu:,.0f} ({ours.cpu / theirs.cpu:.1f} x); {busy}"
    if not enough:
        reason = f"needs {one.cores} cores to tell; {reason}"
    met = ratio >= one.mark if enough else None
    if met is False and one.name in MOVED_BY:
        reason = f"{reason}. {MOVED_BY[one.name]}"
    return Row(one.name, ours.wall, "records/s", theirs.wall, ratio, f">= {one.mark:g} x", met, reason)
