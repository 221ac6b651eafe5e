"""Settles pages: one insert of their sums and of how far each is settled; then their rows say nothing, and are removed.

The insert is the moment at which it happens: it is one part, hence there or not. It is named after the run before it,
and ClickHouse takes one insert of a name: of several workers that settle at once, or of a retry, one counts. Removing
is derived from what is settled, so that a run which was cut off is made up for by the next.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

log = logging.getLogger(__name__)

REST = timedelta(days=1)
"""So long nothing was heard of a page when it is settled: the reconciler has then held its rows against the archive."""
MAX_PAGES = 20_000
"""Pages of one run: more would not be one part."""
NOBODY = bytes(16)
COLUMNS = ("project", "page", "minute", "fate", "reason", "quantity")

#: Highest number that a row tells of. A row without numbers is as high as none: it keeps the page's rows.
_BEYOND = 1 << 62
TOPS: Mapping[str, str] = {
    "ledger": f"if(word < 0, {_BEYOND}, word * 64 + 1 + bitPositionsToArray(bits)[-1])",
    "outcomes": "multiIf(outcome = 'closed', quantity, outcome = 'dropped' AND notEmpty(sequences), "
    f"arrayMax(sequences), {_BEYOND})",
}

_Row = tuple[str, bytes, datetime, str, str, int]


class Settler:
    """Settles the pages of all projects. Several may do so at once: one of them does it."""

    def __init__(
        self, client: Client, clock: Callable[[], datetime] = lambda: datetime.now(UTC), rest: timedelta = REST
    ) -> None:
        self._client, self._clock, self._rest = client, clock, rest

    def run(self, stop: threading.Event, interval_seconds: float, mine: Callable[[], bool]) -> None:
        """Settle every so often, if it is `mine` to do, until stopped. The next round makes up for one that failed."""
        while not stop.wait(interval_seconds):
            try:
                if mine() and (pages := self.settle()):
                    log.info("settled %d pages in the ledger", pages)
            except (ClickHouseError, OSError) as error:
                log.warning("no pages settled this time: %s", (str(error).splitlines() or [""])[0][:300])

    def settle(self, max_pages: int = MAX_PAGES) -> int:
        """Settle all that are due, `max_pages` in one run; returns how many there were. Raises ClickHouseError."""
        settled = 0
        while True:
            before = self.last_run()
            pages = self.due(max_pages)
            if pages:
                self.record(pages, before)
            if self.last_run() == before:
                break
            settled += len(pages)
            if len(pages) < max_pages:
                break
        self.remove()
        return settled

    def last_run(self) -> int:
        """Number of the last run; 0: there was none. To be read before what is `due`."""
        answer = self._client.query("SELECT max(toUInt64(reason)) FROM tidegate.ledger_pages WHERE fate = 'run'")
        return int(answer.result_rows[0][0])

    def due(self, max_pages: int = MAX_PAGES) -> Sequence[Mapping[str, Any]]:
        """Pages that are due, with what became of their events."""
        parameters = {"rested": self._clock() - self._rest, "limit": max_pages}
        return list(self._client.query(_sql("due"), parameters=parameters).named_results())

    def record(self, pages: Sequence[Mapping[str, Any]], before: int) -> None:
        """Put on record that these are settled, unless a run came between: then nothing happens."""
        now = self._clock()
        number = max(before + 1, int(now.timestamp() * 1e6))
        rows = [("", NOBODY, now.replace(microsecond=0), "run", str(number), 1), *_rows(pages)]
        name = f"after {before or now.date()}"
        settings = {"insert_deduplication_token": name, "async_insert": 0}
        self._client.insert("tidegate.ledger_pages", rows, column_names=COLUMNS, settings=settings)

    def remove(self) -> None:
        """Remove the rows of settled pages, if there are any. Raises ClickHouseError."""
        for table, top in TOPS.items():
            which = _sql("settled").replace("{top}", top).replace("{table}", table)
            if not self._client.query(f"{which} LIMIT 1").result_rows:
                continue
            self._client.command(
                f"ALTER TABLE tidegate.{table} DELETE WHERE (project, producer_id) IN ({which})",
                settings={"mutations_sync": 2, "allow_nondeterministic_mutations": 1},
            )


def _rows(pages: Sequence[Mapping[str, Any]]) -> list[_Row]:
    """A row a page, and one a minute, fate and reason for all of a project's pages."""
    rows: list[_Row] = []
    sums: Counter[tuple[str, datetime, str, str]] = Counter()
    for page in pages:
        entries = [(minute.replace(tzinfo=UTC), *said) for minute, *said in page["entries"]]
        rows += _page_rows(page, max(minute for minute, *_ in entries))
        for minute, fate, reason, quantity in entries:
            sums[page["project"], minute, fate, reason] += quantity
    for (project, minute, fate, reason), quantity in sums.items():
        rows.append((project, NOBODY, minute, fate, reason, quantity))
    return rows


def _page_rows(page: Mapping[str, Any], heard: datetime) -> list[_Row]:
    """How far a page is settled, told in its last minute: what an earlier one says expires while the page goes on."""
    earlier = [(minute.replace(tzinfo=UTC), known) for minute, known in page["earlier"]]
    last = max([heard, *(minute for minute, _ in earlier)])
    moved = [(minute, -known) for minute, known in earlier]
    return [
        (page["project"], bytes.fromhex(page["producer_id"][8:]), minute, "page", "", known)
        for minute, known in [*moved, (last, page["last"])]
    ]


def _sql(name: str) -> str:
    text = files("tidegate_sinks.settling").joinpath("queries", f"{name}.sql").read_text(encoding="utf-8")
    return "\n".join(line for line in text.splitlines() if not line.startswith("--"))
