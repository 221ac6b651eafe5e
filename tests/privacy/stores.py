"""All that a running stack holds of what passed the gate, as bytes: files, compressed blocks opened, answers."""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Iterator
from pathlib import Path

import httpx
import lz4.block
import lz4.frame
import polars as pl
from backports import zstd
from confluent_kafka import TopicPartition

from tidegate_infra.addresses import ClickHouseAddress
from tidegate_stream.gate.transaction import read_partition
from tidegate_stream.log import Log
from tidegate_stream.state.delta import assemble

Part = tuple[str, bytes]
"""The store's name, and some of its bytes."""
SLICE_BYTES = 8 << 20
_BATCH_HEADER = struct.Struct(">qiiBIH")
_OPEN = {0: bytes, 1: gzip.decompress, 3: lz4.frame.decompress, 4: zstd.decompress}
_LZ4, _ZSTD = 0x82, 0x90
#: One record of a table as JSON: every value as text, however its column is compressed.
EVERYTHING = (
    "SELECT database, name FROM system.tables WHERE engine LIKE '%MergeTree%' ORDER BY ALL FORMAT JSONCompactEachRow"
)


def kafka_files(folder: Path) -> Iterator[Part]:
    """A broker's log segments, compressed batches opened; raw topics are left out, as they are not past the gate."""
    for path in sorted(folder.rglob("*.log")):
        topic = path.parent.name.rpartition("-")[0]
        if topic and not topic.startswith("raw."):
            yield store_of(topic), b"\n".join(batches(path.read_bytes()))


def store_of(topic: str) -> str:
    """What kind of topic it is."""
    if topic.startswith(("clean.", "gate-ids.")):
        return topic.partition(".")[0] + " topics"
    return topic if topic in {"dead-letters", "outcomes"} else "changelogs" if "changelog" in topic else "other topics"


def batches(segment: bytes) -> Iterator[bytes]:
    """The records of each batch (format 2: 61 bytes of header; three bits of it say how it is compressed)."""
    place = 0
    while place + 61 <= len(segment):
        _, length, _, _, _, attributes = _BATCH_HEADER.unpack_from(segment, place)
        end = place + 12 + length
        if length <= 0 or end > len(segment):
            break
        yield _OPEN[attributes & 7](segment[place + 61 : end])
        place = end
    yield segment[place:].rstrip(b"\0")


def changelogs(brokers: str) -> Iterator[Part]:
    """The rows of all deltas: their columns are compressed within."""
    with Log(brokers) as log:
        counts = {topic: count for topic, count in log.partitions().items() if "changelog" in topic}
    for topic, count in counts.items():
        for partition in range(count):
            messages = read_partition(brokers, TopicPartition(topic, partition))
            entries = {message.key() or b"": message.value() or b"" for message in messages if message.value()}
            for delta in assemble(entries):
                yield "changelogs", delta.rows.select(pl.exclude(pl.Binary)).write_ndjson().encode()


def clickhouse_files(folder: Path) -> Iterator[Part]:
    """All files of the engine, deleted parts that are still there too, as they are and with their blocks opened."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            try:
                content = path.read_bytes()
            except FileNotFoundError:  # a part that was merged away meanwhile
                continue
            yield "ClickHouse files", content
            if path.suffix == ".bin":
                yield "ClickHouse files", b"".join(blocks(content))


def blocks(content: bytes) -> Iterator[bytes]:
    """The plain bytes of each compressed block: 16 bytes of checksum, method, both sizes, content."""
    place = 16
    while place + 9 <= len(content):
        method, packed, plain = struct.unpack_from("<BII", content, place)
        body = content[place + 9 : place + packed]
        if method == _LZ4:
            yield lz4.block.decompress(body, uncompressed_size=plain)
        elif method == _ZSTD:
            yield zstd.decompress(body)
        else:  # none, or a codec of numbers
            yield body
        place += packed + 16


def clickhouse_tables(address: ClickHouseAddress) -> Iterator[Part]:
    """Every row of every table, those of the system's own logs too."""
    with httpx.Client(base_url=address.url, auth=("writer", address.writer_password), timeout=120) as http:
        tables = [json.loads(line) for line in http.post("/", content=EVERYTHING).raise_for_status().text.splitlines()]
        for database, table in tables:
            query = "SELECT * FROM {database:Identifier}.{table:Identifier} FORMAT JSONEachRow"
            given = {"param_database": database, "param_table": table}
            answer = http.post("/", params=given, content=query).raise_for_status()
            yield ("ClickHouse system logs" if database == "system" else "ClickHouse tables"), answer.content


def files(name: str, folder: Path) -> Iterator[Part]:
    """All files below a folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield name, path.read_bytes()


def slices(parts: Iterator[Part], overlap: int = 4096) -> Iterator[Part]:
    """The same in pieces that fit into memory several times; what lies across a cut is in both."""
    for name, content in parts:
        for begin in range(0, max(1, len(content)), SLICE_BYTES):
            yield name, content[begin : begin + SLICE_BYTES + overlap]
