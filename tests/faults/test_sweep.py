"""kill -9 at every failpoint, twice in a row: afterwards every view is, row for row, that of an undisturbed run.

`make faults` runs this; `make test` has a shorter one (tests/integration/stream/test_kills.py).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from tests.faults.events import BATCH, batch
from tests.faults.outsider import Outsider
from tests.faults.stack import PARTITIONS, Stack, running

from tidegate_stream.flight import in_flight

Views = dict[str, list[tuple[Any, ...]]]
SOURCES = Path("stream/tidegate_stream")


def points() -> list[str]:
    """Every failpoint of the worker, by its source."""
    texts = [path.read_text() for path in sorted(SOURCES.rglob("*.py")) if path.name != "failpoint.py"]
    plain = [name for text in texts for name in re.findall(r'\bfailpoint\("(\w+)"\)', text)]
    crossings = [name for text in texts for name in re.findall(r'\bcrossing\(\s*"(\w+)"', text)]
    return [*plain, *(f"{name}.{side}" for name in crossings for side in ("before", "after"))]


POINTS = points()
#: The first fetches find nothing yet.
HITS = {"fetch.before": 30, "fetch.after": 30}


def snapshot_every(point: str) -> str:
    """Only a snapshot leaves tombstones, and one batch is one flush, so that every agent may have its plain delta."""
    return "0" if point.startswith("tombstone.") else "2"


def feed(stack: Stack, number: int) -> None:
    """One batch, and a record that is no event."""
    stack.publish(batch(number))
    stack.poison("raw.span", b"\xc3\x01" + b"no event" + bytes([number]))


def undisturbed(home: Path) -> tuple[Views, list[str]]:
    """Views and clean topics after the same input without a kill."""
    with running(home) as stack:
        for number in range(2 * len(POINTS) + 1):
            feed(stack, number)
        stack.drain()
        return stack.views(), stack.clean_ids()


def differences(expected: Views, found: Views) -> dict[str, tuple[Any, Any]]:
    """By view: a row that is missing, and one that is too many."""
    return {
        view: (
            next((row for row in expected[view] if row not in found[view]), None),
            next((row for row in found[view] if row not in expected[view]), None),
        )
        for view in expected
        if expected[view] != found[view]
    }


def test_each_failpoint_has_a_name_of_its_own() -> None:
    assert len(POINTS) > 40
    assert len(set(POINTS)) == len(POINTS)


@pytest.mark.faults
@pytest.mark.broker
@pytest.mark.clickhouse
@pytest.mark.timeout(1800)
def test_killed_at_each_point_twice_every_view_is_that_of_an_undisturbed_run(tmp_path: Path) -> None:
    views, clean_ids = undisturbed(tmp_path / "undisturbed")
    with (
        running(tmp_path / "swept", tmp_path / "undisturbed") as stack,
        Outsider(stack.brokers, PARTITIONS) as outsider,
    ):
        for number, point in enumerate(point for point in POINTS for _ in range(2)):
            feed(stack, number)
            stack.killed_at(f"{point}:{HITS.get(point, 1)}", SNAPSHOT_EVERY=snapshot_every(point))
        feed(stack, 2 * len(POINTS))
        stack.drain()
        assert in_flight(stack.brokers) == 0
        assert stack.clean_ids() == clean_ids
        assert outsider.ids(len(clean_ids)) == clean_ids
        assert len(set(clean_ids)) == len(clean_ids) == BATCH * (2 * len(POINTS) + 1)
        found = stack.views()
    assert differences(views, found) == {}
    assert len(views["events"]) > 1000
