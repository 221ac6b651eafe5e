"""A worker for the kill tests: settings from the environment, optionally broken on purpose."""

import os
import time
from pathlib import Path

from faust.types import TP

from tidegate_stream.archive import ArchiveAgent
from tidegate_stream.settings import WorkerSettings
from tidegate_stream.transport.chunk import Chunk
from tidegate_stream.worker import run

healthy_add, healthy_flush = ArchiveAgent.add, ArchiveAgent.flush
SLOW_SECONDS = 5.0
first_chunk_at: list[float] = []


async def add_and_commit_early(agent: ArchiveAgent, chunk: Chunk) -> None:
    """The broken one: says durable before anything is."""
    agent._app.mark_durable(agent.name, TP(chunk.topic, chunk.partition), chunk.end)
    first_chunk_at.append(time.monotonic())
    await healthy_add(agent, chunk)


async def flush_late(agent: ArchiveAgent) -> None:
    """Gives the other agents, and the commit, the time to get ahead of the archive."""
    if first_chunk_at and time.monotonic() - first_chunk_at[0] > SLOW_SECONDS:
        await healthy_flush(agent)


if __name__ == "__main__":
    if os.environ.get("BROKEN") == "commits before durable":
        ArchiveAgent.add = add_and_commit_early  # type: ignore[method-assign]
        ArchiveAgent.flush = flush_late  # type: ignore[method-assign]
    run(
        WorkerSettings(
            brokers=os.environ["BROKERS"],
            clickhouse_url=os.environ["CLICKHOUSE_URL"],
            clickhouse_password=os.environ["CLICKHOUSE_PASSWORD"],
            partitions=2,
            generation=1,
            data_dir=Path(os.environ["DATA_DIR"]),
            keys_dir=Path(os.environ["KEYS_DIR"]),
            flush_seconds=0.3,
            snapshot_every=2,
        )
    )
