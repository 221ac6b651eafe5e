"""`tidegate reconcile`: one comparison of the aggregates with the archive, confirmed by a second one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import typer
from clickhouse_connect.driver.client import Client

from tidegate_infra.errors import UnavailableError
from tidegate_infra.keys import ensure_keys
from tidegate_infra.rebuild.command import moment
from tidegate_infra.runtime import addresses
from tidegate_infra.settings import Settings
from tidegate_sinks import clickhouse
from tidegate_stream.errors import CommitsUnknownError
from tidegate_stream.flight import committed_offsets
from tidegate_stream.reconcile import Difference, Judged, Scope, confirmed, differences, judge
from tidegate_stream.reconcile.compare import Committed
from tidegate_stream.settings import WorkerSettings

__all__ = ["Found", "compare", "repairs", "report", "run"]

_PAUSE_SECONDS = 0.5


@dataclass(frozen=True)
class Found:
    """What two comparisons found, and what could not be judged."""

    judged: Judged
    differences: Sequence[Difference]


def run(settings: Settings, begin: str | None, end: str | None, now: datetime) -> bool:
    """Compare, print what differs; whether nothing does. Raises UnavailableError, RebuildError."""
    first = moment(begin, "--from") if begin else now - timedelta(days=1)
    last = moment(end, "--to") if end else now
    scope = Scope(
        int(first.timestamp() * 1e6),
        int(last.timestamp() * 1e6),
        settings.generation,
        settings.lateness_seconds,
        settings.session_gap_seconds,
    )
    where = addresses(settings)
    address = clickhouse.Address(where.clickhouse_url, "writer", ensure_keys(settings).clickhouse_password)
    found = compare(
        clickhouse.connect(address),
        lambda places: committed_offsets(where.brokers, WorkerSettings.app_id, places),
        scope,
    )
    latest = now - timedelta(seconds=settings.lateness_seconds)
    for line in report(found, latest):
        typer.echo(line)
    return not found.differences


def compare(client: Client, committed: Committed, scope: Scope, patience_seconds: float = 30.0) -> Found:
    """Compare once all that is archived is folded, or the patience is over. Raises UnavailableError."""
    judged = _all_folded(client, committed, scope, patience_seconds)
    if not (found := differences(client, judged, scope)):
        return Found(judged, [])
    # Too-late events may have come between the reading of the archive and that of the aggregate.
    judged = _all_folded(client, committed, scope, patience_seconds)
    return Found(judged, confirmed(found, differences(client, judged, scope)))


def _all_folded(client: Client, committed: Committed, scope: Scope, patience_seconds: float) -> Judged:
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            judged = judge(client, scope.generation, committed)
        except CommitsUnknownError as error:
            raise UnavailableError(str(error)) from error
        if not judged.waiting or time.monotonic() > deadline:
            return judged
        time.sleep(_PAUSE_SECONDS)


def report(found: Found, latest: datetime) -> Iterator[str]:
    """A table of the differences and the commands that repair them, none of whose ranges ends after `latest`."""
    for topic, partition in found.judged.waiting:
        yield f"{topic}/{partition} was not judged: the worker has not folded all that is archived. Does it run?"
    if not found.differences:
        yield f"no difference in {len(found.judged.watermarks)} partitions"
        return
    yield (
        f"{'aggregate':<15} {'measure':<14} {'from (UTC)':<16} {'project':<12} {'partition':<15} "
        f"{'archive':>12} {'found':>12}  what"
    )
    for each in found.differences:
        place = f"{each.source_topic}/{each.source_partition}"
        yield (
            f"{each.aggregate:<15} {each.measure:<14} {each.window_start:%Y-%m-%d %H:%M} {each.project:<12} "
            f"{place:<15} {each.expected:>12.6g} {each.found:>12.6g}  {_what(each)}"
        )
    yield "repair:"
    yield from (f"  {command}" for command in repairs(found.differences, latest))


def repairs(found: Sequence[Difference], latest: datetime) -> list[str]:
    """A command for each aggregate, over all of its differences."""
    commands = []
    for name in sorted({each.aggregate for each in found}):
        own = [each for each in found if each.aggregate == name]
        begin = min(_utc(each.window_start) for each in own)
        end = max(min(_utc(each.window_end), latest) for each in own)
        commands.append(f"tidegate rebuild --from {_shown(begin)} --to {_shown(end)} --agent {_AGENTS.get(name, name)}")
    return commands


_AGENTS = {"metric_windows": "metrics"}
"""Aggregates whose table has another name."""


def _what(each: Difference) -> str:
    if each.overlapping:
        return f"{each.overlapping} keys with rows that overlap, as lost state leaves them"
    return f"{'too much' if each.found > each.expected else 'too little'} in {each.windows} windows"


def _utc(moment_: datetime) -> datetime:
    return moment_.replace(tzinfo=UTC) if moment_.tzinfo is None else moment_


def _shown(moment_: datetime) -> str:
    return f"{moment_:%Y-%m-%dT%H:%M:%SZ}"
