"""`receive.py chunks|vanilla BROKERS GROUP RECORDS DIR`: count records in an agent and print the rate as JSON.

The clock runs from the first record that the agent sees, so that joining the group doesn't count.
"""

import json
import os
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import faust

from tidegate_stream.transport.app import ChunkApp, ChunkTopic
from tidegate_stream.transport.chunk import Chunk

TOPIC = "raw.track"
SETTINGS: dict[str, Any] = {
    "store": "memory://",
    "broker_session_timeout": 6,
    "broker_heartbeat_interval": 1,
    "broker_rebalance_timeout": 10,
    "broker_request_timeout": 20,
    "stream_wait_empty": False,
    "topic_disable_leader": True,
    "web_enabled": False,
    "consumer_auto_offset_reset": "earliest",
    "worker_redirect_stdouts": False,
    "topic_partitions": 2,
}


class Count:
    """Records seen, and since when."""

    def __init__(self, wanted: int) -> None:
        self.wanted, self.seen, self.first, self.began = wanted, 0, 0, 0.0

    def add(self, number: int) -> None:
        if not self.began:
            self.began, self.first = time.perf_counter(), number
        self.seen += number
        if self.seen >= self.wanted:
            rate = (self.seen - self.first) / (time.perf_counter() - self.began)
            sys.stdout.write(json.dumps({"records_per_second": rate, "seen": self.seen}) + "\n")
            sys.stdout.flush()
            os._exit(0)


def main(way: str, brokers: str, group: str, records: str, folder: str) -> None:
    """Run the app until it has counted enough."""
    count, common = Count(int(records)), {"broker": f"kafka://{brokers}", "datadir": folder, **SETTINGS}
    if way == "chunks":
        agents = {TOPIC: frozenset({"count"})}
        app: faust.App = ChunkApp(
            group, chunk_agents=agents, Topic=ChunkTopic, broker_max_poll_records=10_000, **common
        )
    else:
        app = faust.App(group, **common)
    topic = app.topic(TOPIC, value_serializer="raw", partitions=2)

    async def chunks(stream: AsyncIterator[Chunk]) -> None:
        async for chunk in stream:
            count.add(len(chunk.values))

    async def values(stream: AsyncIterator[bytes]) -> None:
        async for _ in stream:
            count.add(1)

    app.agent(topic, name="count")(chunks if way == "chunks" else values)  # type: ignore[arg-type]
    faust.Worker(app, loglevel="WARNING", quiet=True, redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    main(*sys.argv[1:])
