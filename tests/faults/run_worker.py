"""A worker for the kill tests: settings from the environment, optionally broken on purpose."""

import os
import time
from pathlib import Path

from faust.types import TP

import tidegate_stream.app as wiring
from tidegate_stream.archive import ArchiveAgent
from tidegate_stream.settings import WorkerSettings
from tidegate_stream.transport.chunk import Chunk
from tidegate_stream.worker import run

SLOW_SECONDS = 5.0


class EarlyArchive(ArchiveAgent):
    """Broken: says durable before anything is, and gives the other agents, and the commit, time to get ahead."""

    first_chunk_at = 0.0

    async def add(self, chunk: Chunk) -> None:
        self.first_chunk_at = self.first_chunk_at or time.monotonic()
        self._app.mark_durable(self.name, TP(chunk.topic, chunk.partition), chunk.end)
        await super().add(chunk)

    async def flush(self) -> None:
        if self.first_chunk_at and time.monotonic() - self.first_chunk_at > SLOW_SECONDS:
            await super().flush()


if __name__ == "__main__":
    if os.environ.get("BROKEN") == "commits before durable":
        wiring.ArchiveAgent = EarlyArchive  # type: ignore[attr-defined]
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
