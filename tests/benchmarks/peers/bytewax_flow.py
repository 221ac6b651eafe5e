"""`bytewax_flow.py JOB BROKERS RECORDS HOME`: Bytewax as its documentation has it, Kafka's source and sink at the ends.

Windows are `fold_window` on an `EventClock`, in memory, and sent when they close: once, where Tidegate sends a snapshot
each second. No recovery store: a run that dies begins anew, which is less than any other system here promises.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op
import bytewax.operators.windowing as win
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.testing import run_main
from tests.benchmarks.peers import record_windows as windows
from tests.benchmarks.peers.finish import Clock
from tests.benchmarks.peers.record_gate import RecordGate

from tidegate_schemas.topics import KINDS, clean_topic, raw_topic

#: Partitions are read in batches, so that a span of one may be this much older than one of the other.
ALLOWED = timedelta(minutes=1)


def gate_flow(brokers: str, clock: Clock, keys: Path) -> Any:
    """All raw topics to their clean ones."""
    flow, gate = Dataflow("gate"), RecordGate(keys)

    def pass_on(message: Any) -> Any:
        clock.saw()
        passed = gate.take(message.topic, message.offset, message.value)
        return None if passed is None else KafkaSinkMessage(passed.key, passed.value, topic=passed.topic)

    raw = op.input("raw", flow, KafkaSource([brokers], [raw_topic(kind) for kind in KINDS], tail=False))
    op.output("clean", op.filter_map("pass", raw, pass_on), KafkaSink([brokers], None))
    return flow


def windows_flow(brokers: str, clock: Clock) -> Any:
    """Clean spans to windows."""
    flow = Dataflow("windows")

    def keyed(message: Any) -> tuple[str, Mapping[str, Any]]:
        clock.saw()
        span = windows.decoded(message.value)
        return windows.span_key(span).decode(), span

    def snapshot(closed: tuple[str, tuple[int, windows.Value]]) -> Any:
        key, (number, value) = closed
        return KafkaSinkMessage(*windows.snapshot(key.encode(), number * windows.SECONDS, value))

    spans = op.map("key", op.input("spans", flow, KafkaSource([brokers], [clean_topic("span")], tail=False)), keyed)
    folded = win.fold_window(
        "fold",
        spans,
        win.EventClock(lambda span: span["occurred_at"], wait_for_system_duration=ALLOWED),
        win.TumblingWindower(timedelta(seconds=windows.SECONDS), align_to=datetime(1970, 1, 1, tzinfo=UTC)),
        windows.empty,
        windows.add,
        lambda one, _: one,  # for sessions only: a tumbling window never joins another
    )
    op.output("snapshots", op.map("snapshot", folded.down, snapshot), KafkaSink([brokers], windows.TOPIC))
    return flow


def main(job: str, brokers: str, records: str, home: str) -> None:
    """Run the flow to the topics' end, which closes all windows."""
    clock = Clock(int(records))
    run_main(gate_flow(brokers, clock, Path(home) / "keys") if job == "gate" else windows_flow(brokers, clock))
    clock.tell(lambda: None)


if __name__ == "__main__":
    main(*sys.argv[1:])
