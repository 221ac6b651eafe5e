"""`stages.py INPUT KEYS`: where the columnar work of both hops spends its time, in memory and on one core.

INPUT is a pickled list of raw `Record`s. What a worker needs beside it goes to Kafka, Faust and ClickHouse's HTTP.
"""

from __future__ import annotations

import json
import pickle
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.benchmarks.peers import in_memory
from tests.benchmarks.peers.in_memory import CHUNK, Record

import tidegate_stream.gate.gate as gate_module
from tidegate_schemas.columns import ColumnCodec
from tidegate_stream.folds import all_folds
from tidegate_stream.gate.seen import Seen

STAGES = (
    (ColumnCodec, "decode", "decode"),
    (gate_module, "refusals", "check"),
    (gate_module, "split_ids", "find copies"),
    (Seen, "duplicates", "find copies"),
    (Seen, "learn", "find copies"),
    (gate_module, "clean_frame", "privacy"),
    (gate_module, "dead_letters", "account"),
    (gate_module, "outcomes", "account"),
    (ColumnCodec, "encode", "encode"),
    (in_memory, "advance", "fold"),
    (in_memory, "event_rows", "rows for ClickHouse"),
)
"""Where a function is, its name, and the stage that it belongs to; none calls another. The folds' own methods too."""


def main(given: str, keys: str) -> None:
    """Print the rate, and microseconds of CPU time an event by stage."""
    records = [Record(*each) for each in pickle.loads(Path(given).read_bytes())]
    in_memory.rows(in_memory.gate(records[:CHUNK], Path(keys)))  # imports and polars' threads
    spent: dict[str, float] = defaultdict(float)
    for owner, name, stage in STAGES:
        setattr(owner, name, _timed(getattr(owner, name), stage, spent))
    folds = {type(fold) for fold in all_folds()}
    for fold in sorted(folds, key=lambda fold: -len(fold.__mro__)):  # a base after what inherits from it
        for name, stage in (("partial", "fold"), ("output", "rows for ClickHouse")):
            setattr(fold, name, _timed(getattr(fold, name), stage, spent))
    began, cpu = time.perf_counter(), time.process_time()
    in_memory.rows(in_memory.gate(records, Path(keys)))
    seconds, used = time.perf_counter() - began, time.process_time() - cpu
    spent["the rest"] = used - sum(spent.values())
    stages = {stage: each / len(records) * 1e6 for stage, each in spent.items()}
    rate = {"records_per_second": len(records) / seconds, "seen": len(records), "cpu_seconds": used}
    sys.stdout.write(json.dumps({**rate, "stages": stages}) + "\n")


def _timed(function: Callable[..., Any], stage: str, spent: dict[str, float]) -> Callable[..., Any]:
    def timed(*given: Any, **named: Any) -> Any:
        began = time.process_time()
        try:
            return function(*given, **named)
        finally:
            spent[stage] += time.process_time() - began

    return timed


if __name__ == "__main__":
    main(*sys.argv[1:])
