"""`make bench`: the numbers, one row a figure. BENCH_JSON=path writes them, BENCH_ONLY=prefix picks some.

Each row: name, value, unit, against (the peer's value in the same run, null without one), ratio, mark, met (null with a
reason where this machine can't tell).
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from tests.benchmarks import memory, pipeline, sdk, stream_rows, transport
from tests.benchmarks.edges import rows as gateway_rows
from tests.benchmarks.row import Row


def rows(only: str = "") -> dict[str, Callable[[Path], Row]]:
    """Every figure whose name begins so, by its name."""
    found = {
        "transport.chunks_against_vanilla_faust": _transport,
        "pipeline.drained_events_per_second": _drained,
        "pipeline.cpu_seconds_per_million_events": _cpu,
        "pipeline.freshness_p95_seconds": _freshness,
        "memory.stack_pss_bytes": _memory,
        **sdk.rows(),
        **gateway_rows.rows(),
        **stream_rows.rows(only),
    }
    return {name: measure for name, measure in found.items() if name.startswith(only)}


def _transport(home: Path) -> Row:
    ours, vanilla = transport.measure(home)
    ratio = ours / vanilla
    name = "transport.chunks_against_vanilla_faust"
    return Row(name, ours, "records/s", vanilla, ratio, ">= 20 x", ratio >= 20)


def _drained(home: Path) -> Row:
    value = pipeline.drain(home).events_per_second
    return Row("pipeline.drained_events_per_second", value, "events/s", None, None, ">= 25000", value >= 25_000)


def _cpu(home: Path) -> Row:
    used = {name: seconds for name, seconds in pipeline.drain(home).cpu_seconds.items() if seconds >= 0.05}
    by_stage = ", ".join(f"{name} {seconds:.1f}" for name, seconds in sorted(used.items(), key=lambda one: -one[1]))
    name, mark = "pipeline.cpu_seconds_per_million_events", "falls from one version to the next"
    reason = f"{by_stage}; earlier versions are in docs/performance.md"
    return Row(name, sum(used.values()), "CPU s, drained end to end", None, None, mark, None, reason)


def _freshness(home: Path) -> Row:
    found = pipeline.freshness(home)
    value, met = found.p95_seconds, found.p95_seconds <= 2
    busy = sorted((used, name) for name, used in found.cores.items() if used >= 0.01)
    reason = f"cores busy: {', '.join(f'{name} {used:.2f}' for used, name in reversed(busy))}"
    if not met:
        reason += ". A small chunk or flush costs nearly what a large one does: cheaper ones would move it"
    name, unit = "pipeline.freshness_p95_seconds", f"s at {pipeline.RATE} events/s"
    return Row(name, value, unit, None, None, "<= 2", met, reason)


def _memory(home: Path) -> Row:
    value, growth = memory.measure(home)
    met = value <= 1.25e9 and growth < 0.1
    mark = f"<= 1.25e9 after ten minutes at {pipeline.RATE} events/s, and flat"
    return Row(
        "memory.stack_pss_bytes", value, f"bytes; grew by {growth:.0%} in the second half", None, None, mark, met
    )


def main() -> int:
    """Measure, show, write; fails where a mark is missed."""
    results = []
    for measure in rows(os.environ.get("BENCH_ONLY", "")).values():
        with tempfile.TemporaryDirectory() as home:
            result = measure(Path(home))
        results.append(result)
        against = f" against {result.against:,.0f} ({result.ratio:.1f} x)" if result.against and result.ratio else ""
        verdict = f"mark {result.mark}: {result.met} {result.reason}".rstrip()
        sys.stdout.write(f"{result.name}: {result.value:,.2f} {result.unit}{against}; {verdict}\n")
        sys.stdout.flush()
    if path := os.environ.get("BENCH_JSON"):
        Path(path).write_text(json.dumps([asdict(result) for result in results], indent=2) + "\n", encoding="utf-8")
    return 0 if results and all(result.met is not False for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
