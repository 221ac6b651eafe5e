"""The figures of the stream processor, each as a ratio of two rates from one run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.benchmarks import stream
from tests.benchmarks.peers.systems import BYTEWAX, FAUST, QUIX, System
from tests.benchmarks.row import Row

Measured = Callable[[Path], Row]


def rows() -> dict[str, Measured]:
    """Every figure, by its name."""
    measured = [
        *(_against("gate", peer, mark) for peer, mark in ((FAUST, 25.0), (QUIX, 3.0), (BYTEWAX, 3.0))),
        *(_against("windows", peer, mark) for peer, mark in ((FAUST, 25.0), (QUIX, 3.0), (BYTEWAX, 3.0))),
        # Faust counts spans in windows here, one aggregate of one kind: less than what it is compared with.
        _against("rows", FAUST, 40.0, peers_job="windows"),
        *(_against_memory(job) for job in ("gate", "windows", "rows")),
        _against_shape("100000_keys", "10_keys", 0.5),
        _against_shape("zipf_keys", "uniform_keys", 0.8),
        _against_shape("half_on_one_key", "uniform_keys", 0.8),
    ]
    return dict(measured)


def _against(job: str, peer: System, mark: float, *, peers_job: str = "") -> tuple[str, Measured]:
    name = f"stream.{job}_against_{peer.name}"
    return name, lambda home: _row(name, stream.against(job, peer, peers_job or job, home), mark)


def _against_memory(job: str) -> tuple[str, Measured]:
    name = f"stream.{job}_against_bytes_in_memory"
    return name, lambda home: _row(name, stream.against_memory(job, home), 0.5)


def _against_shape(shape: str, base: str, mark: float) -> tuple[str, Measured]:
    name = f"stream.{shape}_against_{base}"
    return name, lambda home: _row(name, stream.against_shape(shape, base, home), mark)


def _row(name: str, rates: tuple[stream.Rate, stream.Rate], mark: float) -> Row:
    ours, theirs = rates
    ratio = ours.wall / theirs.wall
    busy = f"busy for {ours.wall / ours.cpu:.0%} of the time: the rest went to waiting for Kafka and ClickHouse"
    reason = f"by CPU time {ours.cpu:,.0f} against {theirs.cpu:,.0f} ({ours.cpu / theirs.cpu:.1f} x); {busy}"
    return Row(name, ours.wall, "records/s", theirs.wall, ratio, f">= {mark:g} x", ratio >= mark, reason)
