"""What all systems are given: the same bytes, in the same order, in the same partitions of the same topics."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from tests.benchmarks.events import some_events
from tests.benchmarks.peers.in_memory import Record, gate
from tests.benchmarks.peers.record_windows import decoded, span_key

from tidegate_schemas.identity import new_event_id
from tidegate_schemas.rows import RowCodec
from tidegate_schemas.subjects import raw_schema
from tidegate_schemas.topics import KINDS, Kind, clean_topic, partition_key, raw_topic

PARTITIONS = 2
SEED = 7
#: So many events are dated back, for as many records of one kind to be among them; the seldom ones are a tenth.
EVENTS_A_RECORD = 10
COPY_EVERY, BROKEN_EVERY, DENIED_EVERY = 97, 211, 149
"""One in so many is a copy of the event before, doesn't decode, or has its consent denied."""


def raw(number: int, kinds: Collection[Kind] = KINDS) -> list[Record]:
    """So many raw records of these kinds, in the proportions of the events; old ones ClickHouse would forget."""
    codecs = {kind: RowCodec(raw_schema(kind)) for kind in KINDS}
    found: list[Record] = []
    events = (pair for pair in some_events(number * EVENTS_A_RECORD) if pair[0] in kinds)
    for index, (kind, event) in enumerate(islice(events, number), start=1):
        given: dict[str, Any] = event | {"consent": "denied"} if index % DENIED_EVERY == 0 else event
        value = codecs[kind].encode(given)
        whole = value[:-3] if index % BROKEN_EVERY == 0 else value
        record = _placed(raw_topic(kind), partition_key(kind, given), whole)
        found.append(found[-1] if index % COPY_EVERY == 0 else record)
    return found


def clean(records: Sequence[Record], keys: Path) -> list[Record]:
    """The clean records of raw ones, as an earlier run of the gate leaves them."""
    return gate(records, keys)


def spans(records: Sequence[Record]) -> list[Record]:
    """The clean spans in order of time, keyed and placed by their dimensions."""
    found = [(decoded(record.value), record) for record in records if record.topic == clean_topic("span")]
    found.sort(key=lambda pair: pair[0]["occurred_at"])
    return [_placed(record.topic, span_key(span), record.value) for span, record in found]


def keyed_spans(number: int, keys: Path, route: Callable[[random.Random], int]) -> list[Record]:
    """So many clean spans, a millisecond apart, of routes that are drawn by number."""
    rng, codec = random.Random(SEED), RowCodec(raw_schema("span"))
    begin = datetime.now(UTC) - timedelta(milliseconds=number)
    found = []
    for index in range(number):
        at = begin + timedelta(milliseconds=index)
        envelope = {"event_id": new_event_id(), "producer_id": "bench", "project": "default", "service": "bench"}
        own = {"operation": "request", "method": "GET", "route": f"/things/{route(rng)}", "status_code": 200}
        span = {**envelope, **own, "name": "GET", "duration_seconds": rng.lognormvariate(-4, 1)}
        found.append(Record(raw_topic("span"), 0, b"", codec.encode({**span, "occurred_at": at, "received_at": at})))
    return spans(gate(found, keys))


def _placed(topic: str, key: bytes, value: bytes) -> Record:
    return Record(topic, zlib.crc32(key) % PARTITIONS, key, value)


def fill(brokers: str, records: Sequence[Record]) -> None:
    """Write them all, acknowledged."""
    producer = Producer(
        {"bootstrap.servers": brokers, "linger.ms": 20, "enable.idempotence": True, "compression.type": "lz4"}
    )
    for index, record in enumerate(records):
        while True:
            try:
                producer.produce(record.topic, record.value, record.key, record.partition)
            except BufferError:
                producer.poll(0.1)
            else:
                break
        if index % 10_000 == 0:
            producer.poll(0)
    if left := producer.flush(120):
        raise TimeoutError(f"{left} of {len(records)} records were not acknowledged in 120 s")
