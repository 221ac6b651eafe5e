"""`quix.py JOB BROKERS RECORDS HOME`: Quix Streams as its documentation has it, a StreamingDataFrame a topic.

Windows are `tumbling_window().reduce()`, kept in RocksDB with a changelog, and sent when they close (`final`): once,
where Tidegate sends a snapshot each second. It promises at least once (its default), Tidegate exactly once.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from quixstreams import Application, message_context
from tests.benchmarks.peers import record_windows as windows
from tests.benchmarks.peers.finish import Clock
from tests.benchmarks.peers.record_gate import RecordGate

from tidegate_schemas.topics import KINDS, clean_topic, raw_topic


def add_gate(app: Any, clock: Clock, keys: Path) -> None:
    """A frame for each raw topic."""
    gate = RecordGate(keys)
    for kind in KINDS:
        _add_gate_of(app, clock, gate, raw_topic(kind), clean_topic(kind))


def _add_gate_of(app: Any, clock: Clock, gate: RecordGate, source: str, target: str) -> None:
    key = b""

    def pass_on(value: bytes) -> bytes | None:
        nonlocal key
        if clock.saw():
            app.stop()
        passed = gate.take(source, message_context().offset, value)
        if passed is None:
            return None
        key = passed.key
        return passed.value

    frame = app.dataframe(_topic(app, source)).apply(pass_on)
    frame.filter(lambda value: value is not None).to_topic(_topic(app, target), key=lambda _: key)


def add_windows(app: Any, clock: Clock) -> None:
    """Clean spans, keyed by their dimensions, to windows."""
    key = b""

    def decode(value: bytes) -> Any:
        if clock.saw():
            app.stop()
        return windows.decoded(value)

    def snapshot(closed: Any, of: bytes, *_: Any) -> bytes:
        nonlocal key
        key, value = windows.snapshot(of, closed["start"] // 1000, closed["value"])
        return value

    frame = app.dataframe(_topic(app, clean_topic("span"))).apply(decode)
    frame = frame.set_timestamp(lambda span, *_: int(span["occurred_at"].timestamp() * 1000))
    tumbling = frame.tumbling_window(windows.SECONDS * 1000)
    reduced = tumbling.reduce(reducer=windows.add, initializer=lambda span: windows.add(windows.empty(), span))
    closed = reduced.final(closing_strategy="partition").apply(snapshot, metadata=True)
    closed.to_topic(_topic(app, windows.TOPIC), key=lambda _: key)


def _topic(app: Any, name: str) -> Any:
    given = dict.fromkeys(("key_serializer", "value_serializer", "key_deserializer", "value_deserializer"), "bytes")
    return app.topic(name, **given)


def main(job: str, brokers: str, records: str, home: str) -> None:
    """Run the app until it has seen all records, and close it, which commits."""
    clock = Clock(int(records))
    app = Application(
        broker_address=brokers,
        consumer_group="bench",
        auto_offset_reset="earliest",
        state_dir=Path(home) / "quix",
        loglevel="ERROR",
    )
    if job == "gate":
        add_gate(app, clock, Path(home) / "keys")
    else:
        add_windows(app, clock)
    app.run()
    clock.tell(lambda: None)


if __name__ == "__main__":
    main(*sys.argv[1:])
