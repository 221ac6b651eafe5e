"""A worker for the kill tests: settings from the environment, optionally broken on purpose."""

import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
from faust.types import TP

import tidegate_stream.app as wiring
from tidegate_schemas.registry import RegistryClient
from tidegate_schemas.topics import generation_of
from tidegate_stream import worker
from tidegate_stream.archive import ArchiveAgent, MayWait
from tidegate_stream.failpoint import FailpointError, failpoint
from tidegate_stream.folds import all_folds
from tidegate_stream.gate.elsewhere import Elsewhere
from tidegate_stream.gate.erasures import KnownErasures
from tidegate_stream.gate.ledger import RawChunk
from tidegate_stream.gate.passage import Passage, Passed
from tidegate_stream.gate.seen import Seen
from tidegate_stream.gate.transaction import Batch, PartitionTransactions
from tidegate_stream.settings import WorkerSettings
from tidegate_stream.state.partition import PartitionState
from tidegate_stream.transport import pace
from tidegate_stream.transport.chunk import Chunk
from tidegate_stream.transport.consumer import ChunkConsumer
from tidegate_stream.transport.pace import Pace

SLOW_SECONDS = 5.0
FLUSH_SECONDS = 0.3


class EarlyArchive(ArchiveAgent):
    """Broken: says durable before anything is, and gives the other agents, and the commit, time to get ahead."""

    first_chunk_at = 0.0

    async def add(self, chunk: Chunk) -> None:
        self.first_chunk_at = self.first_chunk_at or time.monotonic()
        self._app.mark_durable(self.name, TP(chunk.topic, chunk.partition), chunk.end)
        await super().add(chunk)

    async def flush(self) -> None:
        if self.first_chunk_at and time.monotonic() - self.first_chunk_at > SLOW_SECONDS:
            await super().flush()


def commit_early() -> None:
    """Commit before rows are durable."""
    wiring.ArchiveAgent = EarlyArchive  # type: ignore[attr-defined]


def commit_never() -> None:
    """Say of nothing that it is durable."""
    ChunkConsumer.mark_durable = lambda *_: None  # type: ignore[method-assign]


def emit_nothing_after_recovery() -> None:
    """Trust that the insert of the last delta came about."""
    output = PartitionState.recovered_output
    PartitionState.recovered_output = lambda *given: output(*given).clear()  # type: ignore[method-assign]


def fold_without_a_fence() -> None:
    """Take replays for new records."""
    recover = PartitionState.recover.__func__  # type: ignore[attr-defined]

    def unfenced(*given: Any) -> PartitionState:
        state: PartitionState = recover(*given)
        state.fence = -1
        return state

    PartitionState.recover = classmethod(unfenced)  # type: ignore[method-assign, assignment]


def forget_ids_on_restart() -> None:
    """Begin with an empty memory of events."""
    Seen.restore = classmethod(lambda cls, *_, **__: cls())  # type: ignore[method-assign, assignment]


def forget_other_generations() -> None:
    """Begin a generation with an empty memory of events."""
    Elsewhere.look = lambda _: False  # type: ignore[method-assign, assignment]


def leave_the_rest_behind() -> None:
    """Read one's own generation only, whatever the one before still holds."""
    worker.earlier_topics = lambda *_: {}  # type: ignore[attr-defined]


def halt_the_first_generation() -> None:
    """A gate of the first generation that doesn't get on."""
    take = Passage.take

    def halted(self: Passage, chunk: RawChunk, elsewhere: Seen | None = None) -> Passed:
        if generation_of(chunk.topic) == 1:
            time.sleep(SLOW_SECONDS)
        return take(self, chunk, elsewhere)

    Passage.take = halted  # type: ignore[method-assign]


def overtake_the_first_generation() -> None:
    """Pass what came later while the first generation doesn't get on."""
    halt_the_first_generation()
    Elsewhere._wait = lambda *_: True  # type: ignore[method-assign]


class AckingArchive(ArchiveAgent):
    """Broken: what an error hit counts as done, as in a framework that acknowledges in a `finally`."""

    async def _write(self, rows: pl.DataFrame, ends: Mapping[TP, int]) -> None:
        try:
            await super()._write(rows, ends)
        except FailpointError:
            for tp, end in ends.items():
                self._app.mark_durable(self.name, tp, end)


def ack_on_error() -> None:
    """Go on after an error as if it had not been."""
    wiring.ArchiveAgent = AckingArchive  # type: ignore[attr-defined]


def write_without_transaction() -> None:
    """Write clean records for all to see, and the progress after them."""

    def write(self: PartitionTransactions, batch: Batch) -> None:
        if batch.last_offset <= self.progress:
            return
        for step in (Batch(batch.keys, batch.clean, [], [], None, self.progress), batch):
            self._producer.begin_transaction()
            self._produce(step if step is not batch else Batch([], [], *_rest(batch)))
            self._producer.commit_transaction()
            failpoint("transaction_written")
        self.progress = batch.last_offset

    PartitionTransactions.write = write  # type: ignore[method-assign]


def _rest(batch: Batch) -> tuple[Any, Any, bytes | None, int]:
    return batch.dead_letters, batch.outcomes, batch.learnt, batch.last_offset


def know_no_erasures() -> None:
    """Read the log as if nobody had had anything erased."""

    def know_nothing(self: KnownErasures) -> None:
        """Nobody was ever erased."""

    KnownErasures.refresh = know_nothing  # type: ignore[method-assign]


BROKEN: Mapping[str, Callable[[], None]] = {
    "commits before durable": commit_early,
    "never commits": commit_never,
    "no emission after recovery": emit_nothing_after_recovery,
    "no fence": fold_without_a_fence,
    "forgets ids on restart": forget_ids_on_restart,
    "forgets other generations": forget_other_generations,
    "leaves the rest behind": leave_the_rest_behind,
    "halts the first generation": halt_the_first_generation,
    "overtakes the first generation": overtake_the_first_generation,
    "acks on error": ack_on_error,
    "knows no erasures": know_no_erasures,
    "gate without its transaction": write_without_transaction,
}


def leave_out(names: frozenset[str]) -> None:
    """Build the worker of a release that had no such aggregates yet."""
    wiring.all_folds = lambda *given: tuple(f for f in all_folds(*given) if f.name not in names)  # type: ignore[attr-defined]


class PatientPace(Pace):
    """Takes every chunk for one of a backlog."""

    def took(self, chunk: Chunk) -> None:
        super().took(replace(chunk, behind=pace.BACKLOG_OFFSETS, age_seconds=pace.BACKLOG_SECONDS))


def have_a_backlog() -> None:
    """Flush at every fifth tick, and let little wait for an insert."""
    pace.BACKLOG_SECONDS = 5 * FLUSH_SECONDS
    wiring.Pace = PatientPace  # type: ignore[attr-defined]
    wiring.ArchiveAgent = partial(ArchiveAgent, may_wait=MayWait(rows=100))  # type: ignore[assignment, attr-defined]


def run_gates_only() -> None:
    """Leave the clean topics to the next worker."""
    wiring._fold = wiring._archive = lambda *_: None  # type: ignore[assignment]


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    if broken := os.environ.get("BROKEN"):
        BROKEN[broken]()
    if without := os.environ.get("WITHOUT"):
        leave_out(frozenset(without.split(",")))
    if os.environ.get("BACKLOG"):
        have_a_backlog()
    if os.environ.get("ONLY_GATES"):
        run_gates_only()
    worker.run(
        WorkerSettings(
            brokers=os.environ["BROKERS"],
            clickhouse_url=os.environ["CLICKHOUSE_URL"],
            clickhouse_password=os.environ["CLICKHOUSE_PASSWORD"],
            partitions=int(os.environ.get("PARTITIONS", "2")),
            generation=int(os.environ.get("GENERATION", "1")),
            stuck_seconds=float(os.environ.get("STUCK_SECONDS", "60")),
            replication_factor=int(os.environ["REPLICATION_FACTOR"]),
            data_dir=Path(os.environ["DATA_DIR"]),
            keys_dir=Path(os.environ["KEYS_DIR"]),
            flush_seconds=FLUSH_SECONDS,
            snapshot_every=int(os.environ.get("SNAPSHOT_EVERY", "2")),
            session_timeout_seconds=3.0,
            reconcile_seconds=float(os.environ.get("RECONCILE_SECONDS", "0")),
            app_id=os.environ.get("APP_ID", "tidegate"),
        ),
        RegistryClient(url) if (url := os.environ["REGISTRY_URL"]) else None,
    )
