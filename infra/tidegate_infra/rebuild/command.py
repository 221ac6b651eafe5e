"""The command line of a rebuild: what was asked for, a bar, and a table of what was done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import typer

from tidegate_infra.errors import RebuildError
from tidegate_infra.keys import ensure_keys
from tidegate_infra.provision import provide_registry
from tidegate_infra.rebuild.run import Range, Rebuilt, rebuild
from tidegate_infra.rebuild.store import Store
from tidegate_infra.runtime import addresses
from tidegate_infra.settings import Settings
from tidegate_sinks import clickhouse
from tidegate_stream.folds import Fold, all_folds
from tidegate_stream.rebuild import Stretch

__all__ = ["asked_folds", "asked_time", "moment", "run"]


def run(settings: Settings, begin: str, end: str, agents: Sequence[str], now: datetime) -> None:
    """Rebuild `[begin, end)` of a stack and print what was done. Raises RebuildError."""
    folds = asked_folds(all_folds(settings.lateness_seconds, settings.session_gap_seconds), agents)
    time = asked_time(moment(begin, "--from"), moment(end, "--to"), now, settings.lateness_seconds)
    where = addresses(settings)
    address = clickhouse.Address(where.clickhouse_url, "writer", ensure_keys(settings).clickhouse_password)
    what = Range(time, folds, where.brokers, settings.generation, provide_registry(settings))
    for line in _shown(Store(clickhouse.connect(address)), what):
        typer.echo(line)


def moment(text: str, option: str) -> datetime:
    """A date (its begin) or a time; UTC unless it says otherwise. Raises RebuildError."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise RebuildError(f"{option} {text}: neither a date (2026-11-23) nor a time (2026-11-23T10:00:00Z)") from None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def asked_time(begin: datetime, end: datetime, now: datetime, lateness_seconds: float) -> Stretch:
    """The range in µs since the epoch. Raises RebuildError if it is empty or may still take late events."""
    stretch = Stretch(int(begin.timestamp() * 1e6), int(end.timestamp() * 1e6))
    latest = datetime.fromtimestamp(now.timestamp() - lateness_seconds, UTC)
    if end <= begin:
        raise RebuildError(f"--to ({end:%F %T}) must be later than --from ({begin:%F %T})")
    if end > latest:
        raise RebuildError(
            f"--to {end:%F %T} is too late: windows take late events for {lateness_seconds:.0f} s after their end, so "
            f"only those up to {latest:%F %T} UTC are closed. The worker still has the others in hand"
        )
    return stretch


def asked_folds(folds: Sequence[Fold], agents: Sequence[str]) -> list[Fold]:
    """The folds of these names, all of them if none is named. Raises RebuildError."""
    names = sorted({fold.name for fold in folds})
    if unknown := [agent for agent in agents if agent not in names]:
        raise RebuildError(f"--agent {', '.join(unknown)}: there is no such aggregate; there are {', '.join(names)}")
    return [fold for fold in folds if not agents or fold.name in agents]


def _shown(store: Store, what: Range) -> Iterator[str]:
    rows: list[Rebuilt] = []
    with typer.progressbar(length=1000, label="rebuilding") as bar:  # a share of the partition at hand, in thousandths

        def progress(done: int, records: int) -> None:
            bar.update(max(0, 1000 * done // max(records, 1) - bar.pos))

        for each in rebuild(store, what, progress):
            bar.update(-bar.pos)
            bar.label = f"{each.aggregate} {each.source.topic}/{each.source.partition}"
            rows.append(each)
        bar.update(1000 - bar.pos)
    yield f"{'aggregate':<15} {'partition':<20} {'read from':<9} {'written':>9} {'removed':>9} {'left open':>9}"
    for row in rows:
        where = f"{row.source.topic}/{row.source.partition}"
        numbers = f"{row.written:>9} {row.removed:>9} {row.still_open:>9}"
        yield f"{row.aggregate:<15} {where:<20} {row.read_from:<9} {numbers}"
    if not rows:
        yield "nothing is archived: there is nothing to rebuild from"
