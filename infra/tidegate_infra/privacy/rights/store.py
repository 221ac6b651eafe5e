"""What an erasure asks ClickHouse and tells it. The statements are in queries/, and name people by marks only."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from clickhouse_connect.driver.client import Client

from tidegate_infra.privacy.rights.tables import AGGREGATES, EVENTS, HELD, PROOFS, assignments, holders
from tidegate_schemas.topics import Kind, clean_topic, generation_of
from tidegate_stream.erasure import Erasure

__all__ = ["Counted", "Store", "Together"]

MARKS_AT_ONCE = 500
"""They travel in the request's address."""
_SYNCHRONOUS = {"mutations_sync": 2}
_PAUSE_SECONDS = 0.2


@dataclass(frozen=True)
class Counted:
    """Events of one producer and minute (µs since the epoch) that go; `first` is the least version among them."""

    kind: Kind
    producer_id: str
    minute: int
    quantity: int
    first: int


@dataclass(frozen=True)
class Together:
    """Ids of an event, and whether user or visitor are the person's."""

    visitor: str
    session: str
    previous: str
    by_user: bool
    by_visitor: bool


class Store:
    """The tables that hold people's events. Raises ClickHouseError. `bytes_scanned`: what was read to look for them."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.bytes_scanned = 0

    def seen_with(self, project: str, marks: Iterable[str]) -> Iterator[Together]:
        """Ids that events of a person carry."""
        for kind, table in EVENTS.items():
            previous = "previous" if kind == "track" else "''"
            statement = _filled("seen_with", table).replace("{previous}", previous)
            for some in _some(sorted(marks), MARKS_AT_ONCE):
                for row in self._rows(statement, {"project": project, "marks": some}):
                    yield Together(**row)

    def others(self, project: str, devices: Iterable[str], known: Iterable[str]) -> Mapping[str, int]:
        """By how many users besides the person each device (by marks) was used, by its pseudonym."""
        found: dict[str, set[str]] = {}
        for table in EVENTS.values():
            for some in _some(sorted(devices), MARKS_AT_ONCE // 2):
                parameters = {"project": project, "marks": some, "known": sorted(known)[: MARKS_AT_ONCE // 2]}
                for row in self._rows(_filled("others", table), parameters):
                    found.setdefault(row["visitor"], set()).update(row["others"])
        return {visitor: len(others) for visitor, others in found.items()}

    def counts(self, erasure: Erasure, kind: Kind) -> Iterator[Counted]:
        """Events of a kind that go."""
        for parameters in _parameters(erasure, kind):
            for row in self._rows(_which("counts", EVENTS[kind]), parameters):
                yield Counted(kind, **row)

    def empty(self, erasure: Erasure, kind: Kind) -> None:
        """Make stubs of a kind's events; returns when all parts are written anew."""
        statement = _which("empty", EVENTS[kind]).replace("{assignments}", assignments(kind))
        for parameters in _parameters(erasure, kind):
            self.client.command(statement, parameters=parameters, settings=_SYNCHRONOUS)

    def empty_exemplars(self, erasure: Erasure) -> None:
        """Let windows forget the traces of spans that go; to be called before those are stubs."""
        statement = _which("exemplars", EVENTS["span"])
        for parameters in _parameters(erasure, "span"):
            self.client.command(statement, parameters=parameters, settings=_SYNCHRONOUS)

    def delete(self, erasure: Erasure, table: str) -> None:
        """Delete an aggregate's rows; returns when all parts are written anew."""
        for parameters in _parameters(erasure):
            self.client.command(_which("delete", table), parameters=parameters, settings=_SYNCHRONOUS)

    def left(self, erasure: Erasure) -> dict[str, int]:
        """Rows by table that still hold what should go; tables without any are left out."""
        kinds = {table: kind for kind, table in EVENTS.items()}
        found = {
            table: sum(
                int(row["rows"])
                for parameters in _parameters(erasure, kinds.get(table))
                for row in self._rows(_which("count", table), parameters)
            )
            for table in (*kinds, *AGGREGATES)
        }
        return {table: rows for table, rows in found.items() if rows}

    def drop_old_parts(self, seconds: float) -> bool:
        """Have what mutations replaced removed from disk now; whether it was, within so many seconds.

        Left alone, a table that nobody writes to keeps it: the embedded engine's for longer than five minutes. Dropping
        a partition clears old parts first, also where there is no such partition.
        """
        for table in HELD:
            self.client.command(f"ALTER TABLE tidegate.{table} MODIFY SETTING old_parts_lifetime = 1")
        deadline = time.monotonic() + seconds
        try:
            while tables := self.old_parts():
                if time.monotonic() > deadline:
                    break
                time.sleep(_PAUSE_SECONDS)
                for table in tables:
                    self.client.command(f"ALTER TABLE tidegate.{table} DROP PARTITION ID 'none'")
        finally:
            for table in HELD:
                self.client.command(f"ALTER TABLE tidegate.{table} RESET SETTING old_parts_lifetime")
        return not tables

    def old_parts(self) -> list[str]:
        """Tables with parts on disk that no query reads any more."""
        return [str(row["table"]) for row in self._rows(_sql("old_parts"), {"tables": list(HELD)})]

    def export(self, project: str, marks: Iterable[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Every row that is held on a person, with its table; a row may come twice."""
        for table in (*EVENTS.values(), *AGGREGATES, *PROOFS):
            for some in _some(sorted(marks), MARKS_AT_ONCE):
                for row in self._rows(_filled("export", table), {"project": project, "marks": some}):
                    yield table, row

    def _rows(self, statement: str, parameters: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        answer = self.client.query(statement, parameters=dict(parameters))
        self.bytes_scanned += int(answer.summary.get("read_bytes", 0))
        yield from answer.named_results()


def _parameters(erasure: Erasure, kind: Kind | None = None) -> Iterator[dict[str, Any]]:
    """Parameters of a statement, for some of the marks at a time; of events with a kind, of aggregates without."""
    positions = [
        (topic, partition, at)
        for (topic, partition), at in sorted(erasure.positions.items())
        if kind is None or topic == clean_topic(kind, generation_of(topic))
    ]
    where = {
        "topics": [f"{topic}/{partition}" for topic, partition, _ in positions],
        "places": [generation_of(topic) * 65536 + partition for topic, partition, _ in positions],
        "offsets": [at for _, _, at in positions],
    }
    if kind is None:
        del where["places"]
    else:
        del where["topics"]
    for some in _some(sorted(erasure.marks), MARKS_AT_ONCE):
        yield {"project": erasure.project, "marks": some, **where}


def _which(name: str, table: str) -> str:
    """A statement with the rows that it is about."""
    fragment = _sql("events" if table in EVENTS.values() else "rows")
    plain = "\n".join(line for line in fragment.splitlines() if not line.startswith("--"))
    return _filled(name, table).replace("{which}", plain.replace("{holders}", holders(table)))


def _filled(name: str, table: str) -> str:
    """A statement with a table's name and columns, which come from our own migrations."""
    return _sql(name).replace("{table}", table).replace("{holders}", holders(table))


def _sql(name: str) -> str:
    return files("tidegate_infra.privacy.rights").joinpath("queries", f"{name}.sql").read_text(encoding="utf-8")


def _some(marks: Sequence[str], number: int) -> Iterator[Sequence[str]]:
    for begin in range(0, len(marks), number):
        yield marks[begin : begin + number]
