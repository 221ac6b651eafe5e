"""The gateway's figures, each of one process on one core; those of a kind of request from one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.benchmarks.edges.gateway import Measured, measure
from tests.benchmarks.edges.payloads import WORKLOADS
from tests.benchmarks.row import Row

P99_SECONDS = 0.05
BARE_SHARE = 0.4
#: What would bring a row to its mark, where that is known; told if it is missed.
MOVED_BY: Mapping[str, str] = {
    "edges.gateway_segment_batch_against_bare_asgi": (
        "To check, name, encode and publish a call and to count its answer takes ten times as long as orjson takes to "
        "parse it: only a mapping that isn't Python would move it"
    ),
    "edges.gateway_track_against_bare_asgi": (
        "A third is HTTP, which both have; the rest is some fifty small steps of a request and its answer, which the "
        "calls of a batch share, as all clients send them"
    ),
}


@dataclass(frozen=True)
class Kind:
    """A kind of request: its short name, its workload, and the mark in its unit a second."""

    name: str
    workload: str
    unit: str
    mark: float
    against_bare: bool = False


KINDS = (
    Kind("segment_batch", "segment_batch", "events", 15_000, against_bare=True),
    Kind("track", "segment_track", "requests", 2_500, against_bare=True),
    Kind("sentry", "sentry_envelope", "envelopes", 1_500),
    Kind("otlp", "otlp_spans", "spans", 30_000),
)


class _Run:
    """A kind's figures, found when the first row asks."""

    def __init__(self, kind: Kind) -> None:
        self.kind, self._found = kind, list[Measured]()

    def found(self, home: Path) -> Measured:
        """Of one run."""
        if not self._found:
            self._found.append(measure(WORKLOADS[self.kind.workload](), self.kind.mark, home))
        return self._found[0]


def rows() -> dict[str, Callable[[Path], Row]]:
    """By name."""
    found: dict[str, Callable[[Path], Row]] = {}
    for kind in KINDS:
        run, name = _Run(kind), f"edges.gateway_{kind.name}"
        found[f"{name}_{kind.unit}_per_second"] = partial(_rate, f"{name}_{kind.unit}_per_second", run)
        found[f"{name}_p99_seconds"] = partial(_p99, f"{name}_p99_seconds", run)
        if kind.against_bare:
            found[f"{name}_against_bare_asgi"] = partial(_against_bare, f"{name}_against_bare_asgi", run)
    return found


def _rate(name: str, run: _Run, home: Path) -> Row:
    found, kind = run.found(home), run.kind
    reason = (
        f"the gateway had {found.busy:.2f} of its core, so {found.per_second / found.busy:,.0f} of a whole one; the "
        f"load generator reaches {found.trivial_per_second:,.0f} against a server that does nothing"
    )
    met = found.per_second >= kind.mark
    if not met:
        others = found.per_second / found.busy >= kind.mark
        reason += (
            ". A core of its own would do: others ran on it" if others else ". Fewer steps in Python would move it"
        )
    return Row(name, found.per_second, f"{kind.unit}/s in Kafka", None, None, f">= {kind.mark:g}", met, reason)


def _p99(name: str, run: _Run, home: Path) -> Row:
    found, kind = run.found(home), run.kind
    reason = f"median {found.median_seconds * 1e3:.0f} ms, {found.open_busy:.2f} of a core"
    met = found.p99_seconds <= P99_SECONDS
    if not met:
        reason += ". 5 ms are the client's pause for more records; what is more was waited for a core"
    unit = f"s at {kind.mark / 2:g} {kind.unit}/s, whose senders don't wait for each other"
    return Row(name, found.p99_seconds, unit, None, None, f"<= {P99_SECONDS:g}", met, reason)


def _against_bare(name: str, run: _Run, home: Path) -> Row:
    found, kind = run.found(home), run.kind
    ratio = found.per_second / found.bare_per_second
    by_cpu = (found.per_second / found.busy) / (found.bare_per_second / found.bare_busy)
    reason, met = f"by CPU time {by_cpu:.2f} x", ratio >= BARE_SHARE
    if not met:
        reason = f"{reason}. {MOVED_BY[name]}"
    unit = f"{kind.unit}/s"
    return Row(name, found.per_second, unit, found.bare_per_second, ratio, f">= {BARE_SHARE:g} x", met, reason)
