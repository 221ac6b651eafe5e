"""Runs a rebuild, a partition of the archive at a time: all of its folds read the same records once.

A row is a pure function of the log up to any offset at or above the last record that touched it. So rows as of the
archive's end can be written beside a worker that goes on: what it writes of the same windows has a higher version and
stays. What is left in the range below that version and was not computed is no record's row, and is deleted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from tidegate_infra.errors import RebuildError
from tidegate_infra.rebuild.log import Topic, archived, published, topic_of
from tidegate_infra.rebuild.plan import Part, plan
from tidegate_infra.rebuild.store import Source, Store
from tidegate_schemas.registry import SchemaRegistry
from tidegate_schemas.topics import KINDS
from tidegate_sinks.tables import tables
from tidegate_stream.decoding import EventReader
from tidegate_stream.folds import Fold
from tidegate_stream.gate.erasures import KnownErasures
from tidegate_stream.rebuild import Replay, Stretch
from tidegate_stream.rebuild.replay import in_range

__all__ = ["Range", "Rebuilt", "rebuild"]

ARCHIVE_SECONDS = 60.0
"""The archive is written beside the aggregates: so long may it take to hold what they do."""
_PAUSE_SECONDS = 0.2

Progress = Callable[[int, int], None]
"""Told records read, and to be read, of the partition at hand."""


@dataclass(frozen=True)
class Range:
    """What to rebuild, and from where."""

    time: Stretch
    folds: Sequence[Fold]
    brokers: str | None
    """None: read from the archive only."""
    generation: int
    """The one whose records are in the clean topics."""
    registry: SchemaRegistry | None = None


@dataclass(frozen=True)
class Rebuilt:
    """What became of one aggregate's rows of one partition."""

    aggregate: str
    source: Source
    read_from: str
    written: int
    removed: int
    still_open: int
    """Rows of the range that may still change; they were left to the worker."""


def rebuild(store: Store, what: Range, progress: Progress | None = None) -> Iterator[Rebuilt]:
    """Rebuild the range, partition by partition. Raises RebuildError, UnavailableError, SinkError."""
    for kind in KINDS:
        folds = [fold for fold in what.folds if fold.kind == kind]
        for source in store.sources(kind) if folds else ():
            current = _with_all_that_is_folded(store, source, folds)
            yield from _partition(store, what, current, folds, progress or (lambda _done, _all: None))


def _with_all_that_is_folded(store: Store, source: Source, folds: Sequence[Fold]) -> Source:
    """The source once its archive is as far as the aggregates are, which may be ahead by a flush."""
    needed = max(store.newest_version(source, fold.table) for fold in folds)
    deadline = time.monotonic() + ARCHIVE_SECONDS
    while source.version(source.head) < needed:
        if time.monotonic() > deadline:
            raise RebuildError(
                f"rows of {source.topic}/{source.partition} were made from records up to offset "
                f"{needed & (1 << 48) - 1}, and the archive ends at {source.head}. Let the worker run, and try again"
            )
        time.sleep(_PAUSE_SECONDS)
        same = (source.generation, source.partition)
        source = next(each for each in store.sources(source.kind) if (each.generation, each.partition) == same)
    return source


def _partition(
    store: Store, what: Range, source: Source, folds: Sequence[Fold], progress: Progress
) -> Iterator[Rebuilt]:
    topic = topic_of(what.brokers, source) if what.brokers and source.generation == what.generation else None
    whole = source.oldest in (0, topic.first if topic else 0)
    parts = [plan(store, source, fold, what.time, whole=whole) for fold in folds]
    replays = [
        Replay(part.fold, part.rows, tables()[part.fold.table].sort_key, part.first, part.watermark) for part in parts
    ]
    first, last = min(part.first for part in parts), max(part.last for part in parts)
    for events in _records(store, what, source, topic, first, last):
        for part, replay in zip(parts, replays, strict=True):
            replay.feed(events.filter(pl.col("_offset") <= part.last))
        progress(int(events["_offset"][-1]) - first + 1, last - first + 1)
    read_from = "topic" if topic and topic.holds(source, first) else "archive"
    for part, replay in zip(parts, replays, strict=True):
        yield _settle(store, source, part, replay.finish(part.reached), read_from)


def _records(
    store: Store, what: Range, source: Source, topic: Topic | None, first: int, last: int
) -> Iterator[pl.DataFrame]:
    if last < first:
        return iter(())
    if what.brokers and topic and topic.holds(source, first):
        reader = EventReader(source.kind, what.registry, KnownErasures(what.brokers, what.registry))
        return published(what.brokers, source, first, last, reader.decode)
    return archived(store, source, first, last)


def _settle(store: Store, source: Source, part: Part, rows: pl.DataFrame, read_from: str) -> Rebuilt:
    """Write the rows that nothing changes any more, then delete those that should not be."""
    table = part.fold.table
    of_range = in_range(rows, part.rows)
    closed = of_range.filter(pl.col("final") == 1)
    store.write(source, table, closed)
    found = store.keys_of(source, table, part.rows, part.closed)
    key = [name for name in rows.columns if name in found.columns]
    known = rows.select(pl.col(name).cast(found.schema[name]) for name in key)
    wrong = found.join(known, on=key, how="anti")["row_key"].to_list()
    store.remove(source, table, wrong)
    return Rebuilt(part.fold.name, source, read_from, closed.height, len(wrong), of_range.height - closed.height)
