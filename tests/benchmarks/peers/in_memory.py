"""`in_memory.py JOB INPUT KEYS`: the columnar work on bytes in memory, without Kafka, Faust or ClickHouse.

It is also what every system's results are compared with. INPUT is a pickled list of `Record`.
"""

from __future__ import annotations

import json
import pickle
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from tidegate_schemas.columns import ColumnCodec
from tidegate_schemas.subjects import clean_schema
from tidegate_schemas.topics import KINDS, clean_topic, kind_of
from tidegate_stream.archive import event_rows
from tidegate_stream.folds import Fold, Latencies, RequestRates, advance, all_folds, empty_state
from tidegate_stream.gate.keys import DirectoryKeys
from tidegate_stream.gate.ledger import Records
from tidegate_stream.gate.passage import KindGate
from tidegate_stream.gate.seen import Seen
from tidegate_stream.windows import NO_WATERMARK

CHUNK = 10_000
FLUSH_CHUNKS = 4
"""Of a partition: what a worker takes in the second between two flushes, or a little less."""


class Record(NamedTuple):
    """One record of a topic."""

    topic: str
    partition: int
    key: bytes
    value: bytes


def gate(records: Iterable[Record], keys: Path) -> list[Record]:
    """Raw records as clean ones."""
    gates = {kind: KindGate(kind, DirectoryKeys(keys)) for kind in KINDS}
    return [
        clean for place, values in partitions(records) for clean in _passed(gates[kind_of(place[0])], place, values)
    ]


def _passed(gate: KindGate, place: tuple[str, int], values: Sequence[bytes]) -> Iterator[Record]:
    seen, (topic, partition) = Seen(), place
    for begin, some in chunks(values):
        offsets = range(begin, begin + len(some))
        result = gate.judge(Records(topic, partition, offsets, some, [0] * len(some)), seen)
        batch = gate.encode(result)
        seen.learn(result.learnt)
        for key, value in zip(batch.keys, batch.clean, strict=True):
            yield Record(clean_topic(gate.gate.kind), partition, key, value)


def windows(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Rows of `latencies` with the counters of `error_rates`, from the clean spans among the records."""
    codec, rows = ColumnCodec(clean_schema("span")), []
    for (topic, _), values in partitions(records):
        if topic == clean_topic("span"):
            rows += _window_rows([_decoded(codec, begin, some) for begin, some in chunks(values)])
    return rows


def _window_rows(frames: Sequence[pl.DataFrame]) -> list[dict[str, Any]]:
    latencies, rates = Latencies(), RequestRates()
    durations, requests = (pl.concat(_folded(fold, frames)) for fold in (latencies, rates))
    on = ["window_start", "project", *rates.dimensions]
    counters = requests.unique(on, keep="last").select(*on, "client_errors", "server_errors")
    return durations.unique(on, keep="last", maintain_order=True).join(counters, on=on, how="left").to_dicts()


def rows(records: Iterable[Record]) -> int:
    """Every aggregate and the archive, as Arrow: what an insert would be given. Returns the number of rows."""
    number = 0
    for (topic, _), values in partitions(records):
        kind = kind_of(topic)
        codec = ColumnCodec(clean_schema(kind))
        frames = [_decoded(codec, begin, some) for begin, some in chunks(values)]
        outputs = [event_rows(frame) for frame in frames]
        for fold in all_folds():
            if fold.kind == kind:
                outputs += _folded(fold, frames)
        number += sum(output.to_arrow().num_rows for output in outputs)
    return number


def _decoded(codec: ColumnCodec, begin: int, values: Sequence[bytes]) -> pl.DataFrame:
    frame = codec.decode(values).frame
    return frame.with_columns((pl.col("_index").cast(pl.Int64) + begin).alias("_offset")).drop("_index")


def _folded(fold: Fold, frames: Sequence[pl.DataFrame]) -> list[pl.DataFrame]:
    """What each flush would write; later rows replace earlier ones."""
    state, watermark, outputs = empty_state(fold), NO_WATERMARK, []
    for begin in range(0, len(frames), FLUSH_CHUNKS):
        waiting = []
        for frame in frames[begin : begin + FLUSH_CHUNKS]:
            rows, watermark = fold.partial(frame, watermark)
            waiting.append(rows)
        state, changed = advance(fold, state, waiting)
        outputs.append(fold.output(changed, fold.expired(changed, watermark)))
    return outputs


def partitions(records: Iterable[Record]) -> list[tuple[tuple[str, int], list[bytes]]]:
    """Values by topic and partition."""
    found: dict[tuple[str, int], list[bytes]] = defaultdict(list)
    for record in records:
        found[record.topic, record.partition].append(record.value)
    return sorted(found.items())


def chunks(values: Sequence[bytes]) -> Iterator[tuple[int, Sequence[bytes]]]:
    """As much as a worker takes at once, with its first offset."""
    return ((begin, values[begin : begin + CHUNK]) for begin in range(0, len(values), CHUNK))


def main(job: str, given: str, keys: str) -> None:
    """Print the rate."""
    records = [Record(*each) for each in pickle.loads(Path(given).read_bytes())]
    work = {"gate": lambda some: gate(some, Path(keys)), "windows": windows, "rows": rows}[job]
    work(records[:CHUNK])  # imports and polars' threads
    began, cpu = time.perf_counter(), time.process_time()
    work(records)
    rate = len(records) / (time.perf_counter() - began)
    used = time.process_time() - cpu
    sys.stdout.write(json.dumps({"records_per_second": rate, "seen": len(records), "cpu_seconds": used}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
