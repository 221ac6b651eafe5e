"""The watch over a switch of generations: what it can't go on after is told, not lost with its thread."""

from __future__ import annotations

from pathlib import Path
from queue import Queue

from tidegate_stream.settings import WorkerSettings
from tidegate_stream.switch import Switch

SETTINGS = WorkerSettings(
    brokers="127.0.0.1:1",
    clickhouse_url="http://127.0.0.1:1",
    clickhouse_password="",
    partitions=2,
    data_dir=Path("/nowhere"),
    keys_dir=Path("/nowhere"),
    generation=2,
)


class Broken(Switch):
    """Nothing of the generation before is in flight, and looking for it goes wrong."""

    def _drained_first(self) -> WorkerSettings | None:
        return None

    def _until_stragglers(self) -> None:
        raise LookupError("no such topic")


def test_an_error_of_the_watch_ends_the_worker() -> None:
    told: Queue[Exception] = Queue()
    switch = Broken(SETTINGS)
    switch.watch(told.put)
    assert isinstance(told.get(timeout=10), LookupError)
    switch.go_on()
