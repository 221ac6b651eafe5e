from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest

from tidegate_dashboards.alerts.evaluate import Alert, Phase
from tidegate_dashboards.alerts.store import FileStore, MemoryStore, Remembered

NOON = datetime(2026, 11, 23, 12, 0, 0, 250_000, tzinfo=UTC)
LABELS = (("method", "POST"), ("route", "/run"))


class Store(Protocol):
    def load(self) -> Remembered: ...

    def save(self, remembered: Remembered) -> None: ...


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return MemoryStore() if request.param == "memory" else FileStore(tmp_path / "new" / "alerts")


def test_a_new_store_remembers_nothing(store: Store) -> None:
    assert store.load() == Remembered()


def test_what_was_saved_is_loaded(store: Store) -> None:
    alert = Alert("r", LABELS, Phase.FIRING, NOON, NOON, 0.25, 40)
    remembered = Remembered({"r": {LABELS: alert}}, [{"status": "firing", "alerts": []}])

    store.save(remembered)

    assert store.load() == remembered


def test_saving_replaces(store: Store) -> None:
    store.save(Remembered({}, [{"status": "firing"}]))
    store.save(Remembered())

    assert store.load() == Remembered()


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "alerts.json").write_text('{"format": 2}')

    with pytest.raises(ValueError, match="format 2, not 1"):
        FileStore(tmp_path).load()
