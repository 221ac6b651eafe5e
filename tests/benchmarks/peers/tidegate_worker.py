"""`tidegate_worker.py JOB BROKERS RECORDS HOME`: Tidegate's own worker, as it is deployed, with the agents of a job.

The clock runs from the first chunk's arrival at an agent until Kafka holds the last commit, which is after clean
records, changelogs and ClickHouse have everything: later than any peer is asked for.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.benchmarks.peers.finish import Clock

import tidegate_stream.app as wiring
from tidegate_schemas.topics import KINDS, clean_topic, raw_topic
from tidegate_stream.archive import ArchiveAgent
from tidegate_stream.folds import Latencies, RequestRates, all_folds
from tidegate_stream.gate_agent import GateAgent
from tidegate_stream.log import Log
from tidegate_stream.settings import WorkerSettings
from tidegate_stream.state.agent import FoldAgent
from tidegate_stream.transport.chunk import Chunk
from tidegate_stream.worker import run

POLL_SECONDS = 0.05
TOPICS = {
    "gate": [raw_topic(kind) for kind in KINDS],
    "windows": [clean_topic("span")],
    "rows": [clean_topic(kind) for kind in KINDS],
}


def leave_out_other_jobs(job: str) -> None:
    """Have the worker wire the agents of one job only."""
    if job == "gate":
        wiring._fold = wiring._archive = lambda *_: None  # type: ignore[assignment]
    else:
        wiring._gate = lambda *_: None
    if job == "windows":
        wiring._archive = lambda *_: None
        names = {Latencies.name, RequestRates.name}
        wiring.all_folds = lambda *given: tuple(  # type: ignore[attr-defined]
            fold for fold in all_folds(*given) if fold.name in names and fold.kind == "span"
        )


def begin_with_first_chunk(clock: Clock) -> None:
    """Have every agent start the clock when it is given a chunk."""
    for agent in (GateAgent, FoldAgent, ArchiveAgent):
        agent.add = _noted(agent.add, clock)  # type: ignore[method-assign, assignment]


def _noted(add: Callable[[Any, Chunk], Awaitable[None]], clock: Clock) -> Callable[[Any, Chunk], Awaitable[None]]:
    async def noted(agent: Any, chunk: Chunk) -> None:
        clock.saw(0)
        await add(agent, chunk)

    return noted


def tell_when_committed(brokers: str, job: str, records: int, clock: Clock) -> None:
    """Watch the commits from a thread."""
    log = Log(brokers, WorkerSettings.app_id)
    wanted = {place: end for place, (_, end) in log.extents(log.places(TOPICS[job])).items() if end}
    assert sum(wanted.values()) == records, f"the topics hold {sum(wanted.values())} records, not {records}"

    def watch() -> None:
        while True:
            time.sleep(POLL_SECONDS)
            committed = log.committed(wanted)
            if all(committed.get(place, 0) >= end for place, end in wanted.items()):
                clock.saw(records)
                clock.tell(lambda: None)

    threading.Thread(target=watch, daemon=True).start()


def main(job: str, brokers: str, records: str, home: str) -> None:
    """Run the worker until everything is committed."""
    logging.basicConfig(level=logging.WARNING)
    clock = Clock(int(records))
    leave_out_other_jobs(job)
    begin_with_first_chunk(clock)
    tell_when_committed(brokers, job, int(records), clock)
    run(
        WorkerSettings(
            brokers=brokers,
            clickhouse_url=os.environ["CLICKHOUSE_URL"],
            clickhouse_password=os.environ["CLICKHOUSE_PASSWORD"],
            partitions=2,
            generation=1,
            data_dir=Path(home) / "worker",
            keys_dir=Path(home) / "keys",
            reconcile_seconds=0,
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
