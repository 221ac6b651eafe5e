"""The wiring, from raw topics to tables. It reads like the diagram in docs/architecture.md."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tidegate_schemas.registry import SchemaRegistry
from tidegate_schemas.subjects import clean_schema, dead_letter_schema, outcome_schema
from tidegate_schemas.topics import DEAD_LETTERS, KINDS, OUTCOMES, clean_topic, of_generation, raw_topic
from tidegate_sinks.writer import Writer
from tidegate_stream.archive import ArchiveAgent, event_rows, record_rows
from tidegate_stream.decoding import decoder
from tidegate_stream.folds import Fold, all_folds
from tidegate_stream.gate.keys import Keys
from tidegate_stream.gate.passage import KindGate
from tidegate_stream.gate_agent import GateAgent
from tidegate_stream.observability import COMMIT_AGE, LAG
from tidegate_stream.settings import WorkerSettings
from tidegate_stream.state.agent import FoldAgent, Source
from tidegate_stream.state.table import DeltaTable
from tidegate_stream.transport.app import ChunkApp, ChunkTopic
from tidegate_stream.transport.chunk import Chunk
from tidegate_stream.transport.watch import CommitWatch

FETCH_BYTES = 4 << 20
WATCH_SECONDS = 2.0
CHANGELOG_MESSAGE_BYTES = 16 << 20


class Agent(Protocol):
    """What reads a topic."""

    name: str

    async def add(self, chunk: Chunk) -> None:
        """Take one chunk."""


@dataclass
class Wiring:
    """The app, and the agents that flush."""

    app: ChunkApp
    flushing: list[FoldAgent | ArchiveAgent] = field(default_factory=list)


def build(settings: WorkerSettings, sink: Writer, keys: Keys, registry: SchemaRegistry | None = None) -> Wiring:
    """raw.* → gate → clean.* → folds and archive → tables."""
    folds = all_folds(settings.lateness_seconds, settings.session_gap_seconds)
    wiring = Wiring(_app(settings, folds))
    for kind in KINDS:
        gate = GateAgent(wiring.app, kind, KindGate(kind, keys, registry), settings.brokers, settings.generation)
        _read(wiring.app, raw_topic(kind, settings.generation), settings, gate)
    for kind in KINDS:
        source = Source(
            clean_topic(kind, settings.generation), settings.generation, decoder(clean_schema(kind), registry)
        )
        for fold in folds:
            if fold.kind == kind:
                _fold(wiring, settings, source, fold, sink)
        _archive(wiring, settings, f"archive.{kind}", source, f"events_{kind}", event_rows, sink)
    for topic, table, schema in (
        (DEAD_LETTERS, "dead_letters", dead_letter_schema()),
        (OUTCOMES, "outcomes", outcome_schema()),
    ):
        source = Source(of_generation(topic, settings.generation), settings.generation, decoder(schema, registry))
        _archive(wiring, settings, f"archive.{topic}", source, table, record_rows, sink)
    for agent in wiring.flushing:
        _flush_regularly(wiring.app, agent, settings.flush_seconds)
    _watch_commits(wiring.app, CommitWatch(settings.stuck_seconds))
    return wiring


def chunk_agents(folds: Sequence[Fold], generation: int = 1) -> dict[str, frozenset[str]]:
    """Who must hold an offset of each topic before it may be committed."""
    agents = {raw_topic(kind, generation): frozenset({f"gate.{kind}"}) for kind in KINDS}
    for kind in KINDS:
        names = {f"{fold.name}.{kind}" for fold in folds if fold.kind == kind}
        agents[clean_topic(kind, generation)] = frozenset(names | {f"archive.{kind}"})
    ledger = {of_generation(name, generation): frozenset({f"archive.{name}"}) for name in (DEAD_LETTERS, OUTCOMES)}
    return agents | ledger


def _app(settings: WorkerSettings, folds: Sequence[Fold]) -> ChunkApp:
    session = settings.session_timeout_seconds
    return ChunkApp(
        settings.group,
        chunk_agents=chunk_agents(folds, settings.generation),
        broker=[f"kafka://{address}" for address in settings.brokers.split(",")],
        datadir=str(settings.data_dir),
        store="memory://",
        Table=DeltaTable,
        Topic=ChunkTopic,
        topic_partitions=settings.partitions,
        topic_replication_factor=settings.replication_factor,
        table_standby_replicas=settings.standby_replicas,
        # After a kill, the group waits for the dead member's session: short, so that its successor starts soon.
        broker_session_timeout=session,
        broker_heartbeat_interval=session / 6,
        broker_rebalance_timeout=10,
        broker_request_timeout=20,
        broker_commit_interval=0.5,
        broker_max_poll_records=settings.chunk_records,
        consumer_max_fetch_size=FETCH_BYTES,
        consumer_auto_offset_reset="earliest",
        producer_max_request_size=CHANGELOG_MESSAGE_BYTES,
        stream_buffer_maxsize=8,
        stream_wait_empty=False,
        topic_disable_leader=True,
        web_enabled=False,
        worker_redirect_stdouts=False,
    )


def _read(app: ChunkApp, topic: str, settings: WorkerSettings, agent: Agent) -> None:
    channel = app.topic(topic, value_serializer="raw", partitions=settings.partitions)

    async def consume(chunks: AsyncIterator[Chunk]) -> None:
        async for chunk in chunks:
            await agent.add(chunk)

    app.agent(channel, name=agent.name)(consume)  # type: ignore[arg-type]  # a stream is an async iterator


def _fold(wiring: Wiring, settings: WorkerSettings, source: Source, fold: Fold, sink: Writer) -> None:
    name = f"{fold.name}.{fold.kind}"
    table: Any = wiring.app.Table(
        name, partitions=settings.partitions, key_type=bytes, value_type=bytes, recovery_buffer_size=10
    )
    agent = FoldAgent(
        wiring.app,
        source,
        fold,
        table,
        sink,
        snapshot_every=settings.snapshot_every,
        flush_deadline_seconds=settings.flush_deadline_seconds,
    )
    _read(wiring.app, source.topic, settings, agent)
    wiring.flushing.append(agent)


def _archive(
    wiring: Wiring,
    settings: WorkerSettings,
    name: str,
    source: Source,
    table: str,
    shape: Callable[..., Any],
    sink: Writer,
) -> None:
    deadline = settings.flush_deadline_seconds
    agent = ArchiveAgent(wiring.app, name, source, table, shape, sink, flush_deadline_seconds=deadline)
    _read(wiring.app, source.topic, settings, agent)
    wiring.flushing.append(agent)


def _watch_commits(app: ChunkApp, watch: CommitWatch) -> None:
    """Tell lag and age of commits; a stuck one ends the worker."""

    async def look() -> None:
        try:
            extents = await app.extents()
            for tp, age in watch.observe(extents, time.monotonic()).items():
                COMMIT_AGE.labels(tp.topic, tp.partition).set(age)
                LAG.labels(tp.topic, tp.partition).set(extents[tp].lag)
        except Exception as error:  # noqa: BLE001 - reported, and the process ends
            app.fail(error)

    start: Callable[[Callable[[], Awaitable[None]]], object] = app.timer(WATCH_SECONDS, name="watch.commits")
    start(look)


def _flush_regularly(app: ChunkApp, agent: FoldAgent | ArchiveAgent, seconds: float) -> None:
    """A timer an agent, so that a slow one doesn't hold the others back. An error ends the worker."""

    async def flush() -> None:
        try:
            await agent.flush()
        except Exception as error:  # noqa: BLE001 - reported, and the process ends
            app.fail(error)

    start: Callable[[Callable[[], Awaitable[None]]], object] = app.timer(seconds, name=f"flush.{agent.name}")
    start(flush)
