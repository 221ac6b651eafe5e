"""`make bench`: the numbers, one row a figure. BENCH_JSON=path writes them, BENCH_ONLY=prefix picks some.

Each row: name, value, unit, against (the peer's value in the same run, null without one), ratio, mark, met (null with a
reason where this machine can't tell).
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.benchmarks import memory, pipeline, transport


@dataclass(frozen=True)
class Row:
    """One figure."""

    name: str
    value: float
    unit: str
    against: float | None
    ratio: float | None
    mark: str
    met: bool | None
    reason: str = ""


def rows() -> dict[str, Callable[[Path], Row]]:
    """Every figure, by its name."""
    return {
        "transport.chunks_against_vanilla_faust": _transport,
        "pipeline.drained_events_per_second": _drained,
        "pipeline.freshness_p95_seconds": _freshness,
        "memory.stack_pss_bytes": _memory,
    }


def _transport(home: Path) -> Row:
    ours, vanilla = transport.measure(home)
    ratio = ours / vanilla
    name = "transport.chunks_against_vanilla_faust"
    return Row(name, ours, "records/s", vanilla, ratio, ">= 20 x", ratio >= 20)


def _drained(home: Path) -> Row:
    value = pipeline.drain(home)
    return Row("pipeline.drained_events_per_second", value, "events/s", None, None, ">= 10000", value >= 10_000)


def _freshness(home: Path) -> Row:
    value = pipeline.freshness(home)
    return Row("pipeline.freshness_p95_seconds", value, "s at 500 events/s", None, None, "<= 5", value <= 5)


def _memory(home: Path) -> Row:
    value, growth = memory.measure(home)
    met = value <= 1.5e9 and growth < 0.1
    mark = "<= 1.5e9 after five minutes at 500 events/s, and flat"
    return Row(
        "memory.stack_pss_bytes", value, f"bytes; grew by {growth:.0%} in the second half", None, None, mark, met
    )


def main() -> int:
    """Measure, show, write; fails where a mark is missed."""
    only = os.environ.get("BENCH_ONLY", "")
    results = []
    for name, measure in rows().items():
        if name.startswith(only):
            with tempfile.TemporaryDirectory() as home:
                result = measure(Path(home))
            results.append(result)
            against = (
                f" against {result.against:,.0f} ({result.ratio:.1f} x)" if result.against and result.ratio else ""
            )
            sys.stdout.write(f"{name}: {result.value:,.2f} {result.unit}{against}; mark {result.mark}: {result.met}\n")
            sys.stdout.flush()
    if path := os.environ.get("BENCH_JSON"):
        Path(path).write_text(json.dumps([asdict(result) for result in results], indent=2) + "\n", encoding="utf-8")
    return 0 if results and all(result.met is not False for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
