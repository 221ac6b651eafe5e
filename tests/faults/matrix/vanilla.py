"""Vanilla Faust under the same faults: what its table counted, and what its batches inserted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter

from confluent_kafka import Consumer, KafkaException, TopicPartition
from tests.faults.matrix.report import Row
from tests.faults.matrix.run import Run, base_events
from tests.faults.stack import PARTITIONS, Stack

from tidegate_infra.processes import spawn
from tidegate_stream.gate.transaction import read_partition

RUNNER = "tests.faults.matrix.vanilla_worker"
CREATE = "CREATE TABLE IF NOT EXISTS vanilla (event_id String) ENGINE = MergeTree ORDER BY event_id"
SETTLE_SECONDS = 3.0


class Vanilla:
    """Faust without Tidegate."""

    name = "vanilla faust"

    def prepare(self, stack: Stack) -> None:
        """See `System.prepare`."""
        stack.client.command(CREATE)

    def worker(self, run: Run, number: int) -> subprocess.Popen[bytes]:
        """See `System.worker`."""
        own = {
            "BROKERS": run.stack.brokers,
            "REPLICATION_FACTOR": str(run.broker.replication_factor),
            "CLICKHOUSE_URL": run.engine.url_of_workers,
            "CLICKHOUSE_PASSWORD": run.engine.writer_password,
            "DATA_DIR": str(run.stack.home / f"vanilla-{number}"),
        }
        with (run.stack.home / "worker.log").open("ab") as log:
            return spawn([sys.executable, "-m", RUNNER], log, os.environ | own)

    def stored(self, run: Run) -> int:
        """See `System.stored`."""
        return run.stack.ask("SELECT count() FROM vanilla")

    def left(self, run: Run) -> int:
        """See `System.left`."""
        consumer = Consumer(
            {"bootstrap.servers": run.stack.brokers, "group.id": "vanilla", "enable.auto.commit": False}
        )
        places = [TopicPartition("raw.track", number) for number in range(PARTITIONS)]
        try:
            committed = consumer.committed(places, timeout=10)
            ends = [consumer.get_watermark_offsets(place, timeout=10)[1] for place in places]
        except KafkaException:  # a broker that has just come back
            return -1
        finally:
            consumer.close()
        return sum(end - max(0, place.offset) for place, end in zip(committed, ends, strict=True))

    def row(self, run: Run, fault: str) -> Row:
        """See `System.row`. Its commits run ahead of its work, so it is given some time more."""
        time.sleep(SETTLE_SECONDS)  # nothing tells when it is done: that is what the table is about
        events = [event for kind, event in base_events(run.fed) if kind == "track"]
        # Copies are sent among them, which nobody taught it to drop: they count as events of their own.
        sent = Counter(str(event["event_id"]) for event in events)
        stored = Counter(str(row[0]) for row in run.stack.client.query("SELECT event_id FROM vanilla").result_rows)
        lost, doubled = (sent - stored).total(), (stored - sent).total()
        right, counted = Counter(str(event["name"]) for event in events), self._counted(run)
        wrong = sum(right[name] != counted[name] for name in right | counted)
        return Row(fault, self.name, lost, doubled, wrong + len(run.objections))

    def _counted(self, run: Run) -> Counter[str]:
        total: Counter[str] = Counter()
        for partition in range(PARTITIONS):
            last = {}
            for message in read_partition(run.stack.brokers, TopicPartition("vanilla-counts-changelog", partition)):
                last[message.key()] = json.loads(message.value() or b"0")
            for key, number in last.items():
                total[json.loads(key or b"")] += number
        return total
