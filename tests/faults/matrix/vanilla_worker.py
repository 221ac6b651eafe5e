"""Faust as its documentation shows it, for contrast: a table that counts, and batches that are inserted.

Events of raw.track are grouped by name and counted in a table (at least once, the default), and inserted into
ClickHouse in batches by `take`. Started as a process, with addresses in the environment.
"""

import asyncio
import os
from pathlib import Path
from typing import Any

import faust
from tests.vanilla_faust import PARTITIONS, app_in

from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import raw_schema
from tidegate_sinks.clickhouse import Address, connect

CODEC = RowCodec(raw_schema("track"))


def name_of(value: bytes) -> str:
    """The event's name."""
    return str(CODEC.decode(value)["name"])


def main() -> None:
    """Run until SIGTERM."""
    client = connect(Address(os.environ["CLICKHOUSE_URL"], "writer", os.environ["CLICKHOUSE_PASSWORD"]))
    app = app_in(
        "vanilla",
        os.environ["BROKERS"],
        Path(os.environ["DATA_DIR"]),
        session_seconds=3,
        replication_factor=int(os.environ["REPLICATION_FACTOR"]),
    )
    topic = app.topic("raw.track", value_serializer="raw", partitions=PARTITIONS)
    table = app.Table("counts", default=int, partitions=PARTITIONS)

    async def count(stream: Any) -> None:
        # A table is kept by partition: what it counts by has to be the key of the records that it counts.
        async for value in stream.group_by(name_of, name="by_name"):
            table[name_of(value)] += 1

    async def store(stream: Any) -> None:
        async for values in stream.take(500, within=0.3):
            rows = [[str(CODEC.decode(value)["event_id"])] for value in values]
            await asyncio.to_thread(client.insert, "vanilla", rows, column_names=["event_id"])

    app.agent(topic, name="count")(count)
    app.agent(topic, name="store")(store)
    faust.Worker(app, loglevel="WARNING", quiet=True, redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    main()
