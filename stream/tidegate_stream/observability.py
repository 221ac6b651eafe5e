"""What the worker tells Prometheus. Labels are agents and topics, never anything from an event."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Gauge, Histogram

from tidegate_stream.transport.chunk import Chunk

RECORDS = Counter("tidegate_stream_records_total", "Records that an agent took, replays not included.", ["agent"])
REPLAYED = Counter(
    "tidegate_stream_replayed_records_total", "Records at or below the fence, not taken again.", ["agent"]
)
CHUNK_RECORDS = Histogram(
    "tidegate_stream_chunk_records",
    "Records in a chunk.",
    ["agent"],
    buckets=(1, 10, 100, 1_000, 5_000, 20_000, 100_000),
)
WATERMARK = Gauge(
    "tidegate_stream_watermark_seconds",
    "Event time that an agent has reached, in seconds since the epoch.",
    ["agent", "partition"],
)
POSITION = Gauge("tidegate_stream_position", "One past the last offset that an agent has seen.", ["agent", "partition"])
LAG = Gauge(
    "tidegate_stream_lag_offsets",
    "Offsets of a topic's partition that this worker has still to fetch or to commit.",
    ["topic", "partition"],
)
COMMIT_AGE = Gauge(
    "tidegate_stream_commit_age_seconds",
    "Seconds since the commit last moved while there was lag; 0 without lag.",
    ["topic", "partition"],
)
FLUSH_SECONDS = Histogram(
    "tidegate_stream_flush_seconds",
    "Seconds from waiting rows to durable in changelog and sink.",
    ["agent"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
LAST_FLUSH = Gauge("tidegate_stream_last_flush_timestamp_seconds", "When an agent last flushed.", ["agent"])
REFUSED = Counter("tidegate_gate_refused_total", "Records that did not become clean events.", ["kind", "outcome"])
NAMELESS = Counter(
    "tidegate_gate_nameless_total",
    "Clean events without a visitor because their day's salt or their epoch's key is gone: they came too late.",
    ["kind", "reason"],
)
KEYS_KEPT_AT = Gauge(
    "tidegate_gate_keys_kept_timestamp_seconds",
    "When keys and salts were last looked after: made, read again, destroyed.",
)
REMOVED = Counter(
    "tidegate_gate_removed_properties_total",
    "Properties that were left out of clean events, as the project's rules don't know their names.",
    ["kind", "project"],
)
RULES = Gauge(
    "tidegate_gate_rules_fingerprint", "CRC-32 of the file of privacy rules that the gate follows; 0: it has none."
)
HORIZON = Gauge(
    "tidegate_gate_horizon_timestamp_seconds",
    "Copies of events that reached Kafka since then are found; 0: of all events ever.",
    ["topic", "partition"],
)
WAITS = Gauge(
    "tidegate_gate_waits",
    "1 while a raw topic is held back by what an earlier generation of it has still to pass.",
    ["topic"],
)

RECONCILIATION = Gauge(
    "tidegate_reconciliation_differences",
    "Hours, projects, measures and partitions in which an aggregate holds something else than the archive.",
    ["aggregate"],
)
RECONCILED_AT = Gauge(
    "tidegate_reconciliation_last_run_timestamp_seconds", "When aggregates were last held against the archive."
)


class AgentMetrics:
    """One agent's metrics."""

    def __init__(self, agent: str) -> None:
        self._agent = agent
        self._records = RECORDS.labels(agent)
        self._replayed = REPLAYED.labels(agent)
        self._chunk_records = CHUNK_RECORDS.labels(agent)
        self._flush_seconds = FLUSH_SECONDS.labels(agent)
        self._last_flush = LAST_FLUSH.labels(agent)

    def took(self, chunk: Chunk, new: int) -> None:
        """A chunk was taken, `new` of its records for the first time."""
        self._records.inc(new)
        self._replayed.inc(len(chunk) - new)
        self._chunk_records.observe(len(chunk))
        POSITION.labels(self._agent, chunk.partition).set(chunk.end)

    def folded(self, chunk: Chunk, new: int, watermark_micros: int) -> None:
        """As `took`, for an agent that keeps time."""
        self.took(chunk, new)
        WATERMARK.labels(self._agent, chunk.partition).set(watermark_micros / 1e6)

    @contextmanager
    def flushing(self) -> Iterator[None]:
        """Times a flush."""
        with self._flush_seconds.time():
            yield
        self._last_flush.set_to_current_time()
