"""One comparison of the aggregates with the archive.

A partition is judged once everything that it has archived is committed, hence folded: rows that are on their way are no
difference. Too-late events go on changing closed windows while they are compared, so what one comparison finds counts
only if the next one finds the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any

from clickhouse_connect.driver.client import Client

from tidegate_schemas.topics import KINDS, Kind, clean_topic
from tidegate_stream.reconcile.findings import (
    BEYOND_MICROS,
    CHECKS,
    MICROS,
    TOLERANCE,
    Check,
    Difference,
    Judged,
    Scope,
    closed_before,
)

Committed = Callable[[Iterable[tuple[str, int]]], Mapping[tuple[str, int], int]]


def judge(client: Client, generation: int, committed: Committed) -> Judged:
    """Look how far archive and commits are. Raises ClickHouseError, CommitsUnknownError."""
    heads: dict[tuple[Kind, int], tuple[int, int]] = {}
    for kind in KINDS:
        parameters = {"table": f"events_{kind}", "generation": generation}
        for partition, head, watermark in client.query(sql("heads"), parameters=parameters).result_rows:
            heads[kind, int(partition)] = int(head), int(watermark)
    reached = committed([(clean_topic(kind, generation), partition) for kind, partition in heads])
    folded = {
        place: watermark
        for place, (head, watermark) in heads.items()
        if reached.get((clean_topic(place[0], generation), place[1]), -1) > head
    }
    waiting = [(clean_topic(kind, generation), number) for kind, number in heads if (kind, number) not in folded]
    return Judged(folded, waiting)


def differences(client: Client, judged: Judged, scope: Scope) -> list[Difference]:
    """What one comparison of the judged partitions finds. Raises ClickHouseError."""
    found: list[Difference] = []
    for check in CHECKS:
        partitions = [number for kind, number in judged.watermarks if kind == check.kind]
        if not partitions:
            continue
        parameters = _parameters(check, scope, [judged.watermarks[check.kind, number] for number in partitions])
        rows = client.query(_statement(check), parameters={**parameters, "partitions": partitions}).named_results()
        found.extend(_difference(check, scope, row) for row in rows)
    return found


def sql(name: str) -> str:
    """One of this package's queries."""
    return files("tidegate_stream.reconcile").joinpath("queries", f"{name}.sql").read_text(encoding="utf-8")


def _statement(check: Check) -> str:
    """A visit is no window; all else that is compared differs in its rows only."""
    if not check.size_seconds:
        return sql(check.query)
    rows = sql("windows").replace("{rows}", sql(check.query))
    return rows.replace("{archived}", sql("archived")).replace("{aggregated}", sql("aggregated"))


def _parameters(check: Check, scope: Scope, watermarks: Sequence[int]) -> dict[str, Any]:
    size = max(check.size_seconds, 1) * MICROS
    own: dict[str, Any] = {}
    if check.query == "sessions":
        own = {"gap": int(scope.session_gap_seconds * MICROS), "beyond": BEYOND_MICROS}
    return own | {
        "begin": scope.begin // size * size,
        "end": scope.end // size * size,
        "generation": scope.generation,
        "topic": clean_topic(check.kind, scope.generation),
        "table": f"events_{check.kind}",
        "closed": [closed_before(check.size_seconds, mark, scope.lateness_seconds) for mark in watermarks],
        "tolerance": TOLERANCE,
    }


def _difference(check: Check, scope: Scope, row: Mapping[str, Any]) -> Difference:
    return Difference(
        aggregate=check.aggregate,
        measure=str(row["measure"]),
        window_start=row["hour"],
        window_end=row["hour_end"],
        project=str(row["project"]),
        source_topic=clean_topic(check.kind, scope.generation),
        source_partition=int(row["partition"]),
        expected=float(row["expected"]),
        found=float(row["found"]),
        windows=int(row["windows"]),
        overlapping=int(row["overlapping"]),
    )
