"""Watches, while the demo runs, that what the gateway acknowledged comes to be in the tables.

An event that is not there yet may be on its way. So the witness works by horizons: it notes what was acknowledged up
to now and where the raw topics end, waits until the worker has committed those, notes where the clean topics end, waits
until those are committed too, and only then asks the tables: whatever is missing then was lost.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import httpx
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from confluent_kafka import KafkaException

from tidegate_infra.demo.measure import account, aggregates, arrived
from tidegate_infra.demo.summary import Account, Aggregate, doubled
from tidegate_schemas.identity import derived_event_id
from tidegate_schemas.topics import KINDS, clean_topic, raw_topic
from tidegate_stream.flight import ends, holds_any
from tidegate_stream.log import Marks

__all__ = ["Promises", "Witness", "key_of"]

AWAY = (KafkaException, ClickHouseError, httpx.HTTPError, OSError)
"""What asking raises while the one who is asked is dead."""
#: A row's `inserted_at` may be a little older than the moment from which we look.
SLACK_MICROS = 120_000_000


def key_of(project: str, kind: str, key: str) -> str:
    """What an acknowledged event is known by in the tables: its id, or the time of a metric's point."""
    match kind:
        case "track":
            return derived_event_id("segment", project, key)
        case "error":
            return derived_event_id("sentry", project, key)
        case "span":
            return derived_event_id("span", project, *key.split(":"))
    return key


@dataclass
class Promises:
    """Acknowledged events, of which none may be missing once the pipeline has passed them. Pure."""

    acknowledged: int = 0
    checked: int = 0
    lost: int = 0
    _open: dict[str, int] = field(default_factory=dict)
    _due: dict[str, int] = field(default_factory=dict)
    _due_number: int = 0

    def add(self, keys: Iterable[str]) -> None:
        """The gateway took these; a key that comes several times stands for so many points."""
        for key in keys:
            self.acknowledged += 1
            self._open[key] = self._open.get(key, 0) + 1

    def mark(self) -> None:
        """What was acknowledged up to now is what the next `settle` is about."""
        self._due, self._due_number = dict(self._open), self.acknowledged

    def settle(self, found: Mapping[str, int]) -> None:
        """The pipeline has passed the mark: what was due and isn't `found` is lost, until it is found after all."""
        for key, number in self._due.items():
            if found.get(key, 0) >= number:
                self._open[key] -= number
                if not self._open[key]:
                    del self._open[key]
        lacking = (number - found.get(key, 0) for key, number in self._due.items())
        self.lost = sum(max(0, number) for number in lacking)
        self.checked = self._due_number - self.lost
        self._due = {}


class Witness:
    """Looks on behalf of one project. Everything blocks; it may be called from any thread, and they take turns."""

    def __init__(
        self, brokers: str, client: Client, project: str, marketplace: str, before: Account, generation: int = 1
    ) -> None:
        self.promises, self.doubled = Promises(), 0
        self._brokers, self._client, self._project, self._before = brokers, client, project, before
        self._http = httpx.Client(base_url=marketplace, timeout=10)
        self._next, self._generation = 0, generation
        self._turn, self._book = threading.Lock(), threading.Lock()
        self._began = self._marked = self._settled = _now_micros()
        self._raw: Marks | None = None
        self._clean: Marks | None = None
        self._counted: Sequence[Aggregate] = ()

    def look(self) -> None:
        """One step further, as far as the dead allow it."""
        with self._turn, contextlib.suppress(*AWAY):  # killed just now: the next look asks again
            self._step()

    def finish(self) -> None:
        """Once everything is committed: check all that was acknowledged, for good. Raises AWAY."""
        with self._turn:
            with self._book:
                self.promises.mark()
            self._settled = self._began
            self._settle()
            self._http.close()

    def collect(self) -> None:
        """Take over what the marketplace's clients have an acknowledgement for. Raises AWAY."""
        with self._book:
            while True:
                answer = self._http.get("/_acknowledged", params={"since": self._next}).raise_for_status().json()
                self.promises.add(key_of(self._project, kind, key) for kind, key in answer["keys"])
                self._next = answer["next"]
                if not answer["keys"]:
                    return

    def _step(self) -> None:
        if self._raw is None:
            self._counted = aggregates(self._client, self._project, self._began)
            with self._book:
                self.promises.mark()
            self._marked = _now_micros()
            self._raw = ends(self._brokers, [raw_topic(kind, self._generation) for kind in KINDS])
        if self._clean is None:
            if holds_any(self._brokers, self._raw):
                return
            self._clean = ends(self._brokers, [clean_topic(kind, self._generation) for kind in KINDS])
        if not holds_any(self._brokers, self._clean):
            self._settle()
            self._raw = self._clean = None

    def _settle(self) -> None:
        """Aggregates were read before the mark, and the archive holds all up to it now: less of it is a double."""
        found = arrived(self._client, self._project, self._settled - SLACK_MICROS)
        now = {each.name: each.archived for each in aggregates(self._client, self._project, self._began)}
        sums = [Aggregate(each.name, each.counted, now[each.name]) for each in self._counted]
        self.doubled = doubled(account(self._client, self._project).since(self._before), sums)
        with self._book:
            self.promises.settle(found)
        if not self.promises.lost:  # nothing from before the mark is ever asked for again
            self._settled = self._marked


def _now_micros() -> int:
    return time.time_ns() // 1000
