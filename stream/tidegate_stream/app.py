"""The wiring, from raw topics to tables. It reads like the diagram in docs/architecture.md."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from tidegate_schemas.registry import SchemaRegistry
from tidegate_schemas.subjects import consent_schema, dead_letter_schema, outcome_schema
from tidegate_schemas.topics import (
    CONSENTS,
    DEAD_LETTERS,
    KINDS,
    OUTCOMES,
    Kind,
    clean_topic,
    generation_of,
    of_generation,
    raw_topic,
)
from tidegate_sinks.writer import Writer
from tidegate_stream.archive import ArchiveAgent, event_rows, record_rows
from tidegate_stream.decoding import EventReader, RecordReader
from tidegate_stream.flight import topics_read
from tidegate_stream.folds import Fold, all_folds
from tidegate_stream.gate.erasures import KnownErasures
from tidegate_stream.gate.keys import Keys
from tidegate_stream.gate.known_consents import KnownConsents
from tidegate_stream.gate.passage import KindGate
from tidegate_stream.gate.rules import NO_RULES, Rules
from tidegate_stream.gate.sealing_keys import folder_keys
from tidegate_stream.gate_agent import GateAgent
from tidegate_stream.observability import COMMIT_AGE, LAG, WAITS
from tidegate_stream.settings import WorkerSettings
from tidegate_stream.state.agent import FoldAgent, Source
from tidegate_stream.state.table import DeltaTable
from tidegate_stream.transport.app import ChunkApp, ChunkTopic
from tidegate_stream.transport.chunk import Chunk
from tidegate_stream.transport.pace import Pace
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
    """The app with all that its agents share. `topics` are those that are read, with their partition counts."""

    app: ChunkApp
    settings: WorkerSettings
    topics: Mapping[str, int]
    sink: Writer
    keys: Keys
    registry: SchemaRegistry | None
    consents: KnownConsents
    erasures: KnownErasures
    rules: Rules
    gates: list[GateAgent] = field(default_factory=list)


def build(
    settings: WorkerSettings,
    sink: Writer,
    keys: Keys,
    registry: SchemaRegistry | None = None,
    earlier: Mapping[str, int] | None = None,
    rules: Rules = NO_RULES,
) -> Wiring:
    """raw.* → gate → clean.* → folds and archive → tables.

    `earlier`: the topics of earlier generations with their partition counts, which are read as well, for as long as
    they are there.
    """
    events = {**(earlier or {}), **dict.fromkeys(topics_read(settings.generation), settings.partitions)}
    topics = {**events, CONSENTS: 1}
    consents, erasures = KnownConsents(settings.brokers, registry), KnownErasures(settings.brokers, registry)
    wiring = Wiring(_app(settings), settings, topics, sink, keys, registry, consents, erasures, rules)
    for generation in sorted({generation_of(topic) for topic in events if topic != CONSENTS}):
        _generation(wiring, generation)
    decided = Source(CONSENTS, 1, RecordReader(consent_schema(), registry).decode)
    _archive(wiring, f"archive.{CONSENTS}", decided, "consents", record_rows)
    _watch_commits(wiring, CommitWatch(settings.stuck_seconds))
    return wiring


def _generation(wiring: Wiring, generation: int) -> None:
    """Everything that reads one generation of topics."""
    for kind in KINDS:
        _gate(wiring, kind, generation)
    folds = all_folds(wiring.settings.lateness_seconds, wiring.settings.session_gap_seconds)
    for kind in KINDS:
        reader = EventReader(kind, wiring.registry, wiring.erasures)
        source = Source(clean_topic(kind, generation), generation, reader.decode, reader.notices)
        for fold in folds:
            if fold.kind == kind:
                _fold(wiring, source, fold)
        _archive(wiring, f"archive.{kind}", source, f"events_{kind}", event_rows)
    for topic, table, schema in (
        (DEAD_LETTERS, "dead_letters", dead_letter_schema()),
        (OUTCOMES, "outcomes", outcome_schema()),
    ):
        source = Source(of_generation(topic, generation), generation, RecordReader(schema, wiring.registry).decode)
        _archive(wiring, f"archive.{topic}", source, table, record_rows)


def _app(settings: WorkerSettings) -> ChunkApp:
    session = settings.session_timeout_seconds
    return ChunkApp(
        settings.app_id,
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


def _gate(wiring: Wiring, kind: Kind, generation: int) -> None:
    settings, topic = wiring.settings, raw_topic(kind, generation)
    agent = GateAgent(wiring.app, topic, _kind_gate(wiring, kind), settings.brokers)
    if _read(wiring, topic, agent):
        wiring.gates.append(agent)


def _kind_gate(wiring: Wiring, kind: Kind) -> KindGate:
    gap = wiring.settings.session_gap_seconds
    return KindGate(
        kind,
        wiring.keys,
        wiring.registry,
        gap,
        erasures=wiring.erasures,
        consents=wiring.consents,
        rules=wiring.rules,
        sealing_keys=wiring.settings.sealing_keys or folder_keys(wiring.settings.keys_dir),
    )


def _fold(wiring: Wiring, source: Source, fold: Fold) -> None:
    settings, partitions = wiring.settings, wiring.topics.get(source.topic)
    if partitions is None:
        return
    table: Any = wiring.app.Table(
        of_generation(f"{fold.name}.{fold.kind}", source.generation),
        partitions=partitions,
        key_type=bytes,
        value_type=bytes,
        recovery_buffer_size=10,
    )
    agent = FoldAgent(
        wiring.app,
        source,
        fold,
        table,
        wiring.sink,
        snapshot_every=settings.snapshot_every,
        flush_deadline_seconds=settings.flush_deadline_seconds,
    )
    _read_and_flush(wiring, source.topic, agent)


def _archive(wiring: Wiring, name: str, source: Source, table: str, shape: Callable[..., Any]) -> None:
    deadline = wiring.settings.flush_deadline_seconds
    own = of_generation(name, source.generation)
    agent = ArchiveAgent(wiring.app, own, source, table, shape, wiring.sink, flush_deadline_seconds=deadline)
    _read_and_flush(wiring, source.topic, agent)


def _read_and_flush(wiring: Wiring, topic: str, agent: FoldAgent | ArchiveAgent) -> None:
    """Let an agent read a topic, if it is there, and flush at its pace."""
    seconds = wiring.settings.flush_seconds
    pace = Pace(seconds)
    if _read(wiring, topic, agent, pace.took):
        _flush_regularly(wiring.app, agent, pace, seconds)


def _read(wiring: Wiring, topic: str, agent: Agent, took: Callable[[Chunk], None] = lambda _: None) -> bool:
    """Let an agent read a topic, if it is there; `took` is told of each chunk that it has taken."""
    if topic not in wiring.topics:
        return False
    channel = wiring.app.topic(topic, value_serializer="raw", partitions=wiring.topics[topic])

    async def consume(chunks: AsyncIterator[Chunk]) -> None:
        async for chunk in chunks:
            await agent.add(chunk)
            took(chunk)

    wiring.app.holds(agent.name, topic)
    wiring.app.agent(channel, name=agent.name)(consume)  # type: ignore[arg-type]  # a stream is an async iterator
    return True


def _watch_commits(wiring: Wiring, watch: CommitWatch) -> None:
    """Tell lag and age of commits; a stuck one ends the worker."""
    app = wiring.app

    async def look() -> None:
        try:
            extents = await app.extents()
            for gate in wiring.gates:
                WAITS.labels(gate.topic).set(gate.waits)
            waiting = {gate.topic for gate in wiring.gates if gate.waits}
            for tp, age in watch.observe(extents, time.monotonic(), waiting).items():
                COMMIT_AGE.labels(tp.topic, tp.partition).set(age)
                LAG.labels(tp.topic, tp.partition).set(extents[tp].lag)
        except Exception as error:  # noqa: BLE001 - reported, and the process ends
            app.fail(error)

    start: Callable[[Callable[[], Awaitable[None]]], object] = app.timer(WATCH_SECONDS, name="watch.commits")
    start(look)


def _flush_regularly(app: ChunkApp, agent: FoldAgent | ArchiveAgent, pace: Pace, seconds: float) -> None:
    """A timer an agent, so that a slow one doesn't hold the others back. An error ends the worker."""

    async def flush() -> None:
        try:
            if pace.due():
                await agent.flush()
        except Exception as error:  # noqa: BLE001 - reported, and the process ends
            app.fail(error)

    start: Callable[[Callable[[], Awaitable[None]]], object] = app.timer(seconds, name=f"flush.{agent.name}")
    start(flush)
