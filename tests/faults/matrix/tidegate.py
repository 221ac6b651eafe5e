"""Tidegate under a fault: every view, row for row, against an undisturbed run; clean topics; commits."""

from __future__ import annotations

import subprocess
from collections import Counter

from confluent_kafka import KafkaException
from tests.faults.matrix.report import Row
from tests.faults.matrix.run import Run, Views, base_events, differing
from tests.faults.stack import Stack

from tidegate_schemas.topics import KINDS
from tidegate_stream.flight import in_flight

#: They differ where a fault sends records besides.
RAW_OFFSETS = frozenset({"source_offset"})
STORED = "SELECT sum(rows) FROM system.parts WHERE active AND database = 'tidegate' AND startsWith(table, 'events_')"
ARCHIVED = " UNION ALL ".join(
    f"SELECT toString(event_id) FROM tidegate.events_{kind} FINAL WHERE project != 'tidegate'" for kind in KINDS
)


class Tidegate:
    """The worker as it is."""

    name = "tidegate"

    def __init__(self, undisturbed: Views) -> None:
        self._undisturbed = undisturbed
        self.found: dict[str, int] = {}

    def prepare(self, stack: Stack) -> None:
        """See `System.prepare`: the stack has the tables already."""

    def worker(self, run: Run, number: int) -> subprocess.Popen[bytes]:
        """See `System.worker`. A second one takes what it reads for a backlog."""
        home = run.stack.home / f"worker-{number}"
        backlog = "1" if number % 2 else ""
        return run.stack.worker(CLICKHOUSE_URL=run.engine.url_of_workers, DATA_DIR=str(home), BACKLOG=backlog)

    def stored(self, run: Run) -> int:
        """See `System.stored`."""
        return run.stack.ask(STORED)

    def left(self, run: Run) -> int:
        """See `System.left`."""
        try:
            return in_flight(run.stack.brokers)
        except KafkaException:  # a broker that has just come back
            return -1

    def row(self, run: Run, fault: str) -> Row:
        """See `System.row`. A commit that isn't at the end counts as lost: it would be, or doubled, one day."""
        sent = {event["event_id"] for _, event in base_events(run.fed)}
        archived = Counter(str(row[0]) for row in run.stack.client.query(ARCHIVED).result_rows)
        clean = Counter(each for each in run.stack.clean_ids() if each in sent)
        lost = sum(each not in archived or each not in clean for each in sent) + abs(self.left(run))
        doubled = sum((archived - Counter(sent)).values()) + sum((clean - Counter(sent)).values())
        self.found = differing(self._undisturbed, run.stack.views(RAW_OFFSETS), run.compared_without)
        return Row(fault, self.name, lost, doubled, sum(self.found.values()) + len(run.objections))
