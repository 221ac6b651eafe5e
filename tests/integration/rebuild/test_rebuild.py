"""What a rebuild leaves: the rows that an undisturbed run made, whatever happened to them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from datetime import timedelta
from heapq import merge
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import pytest
from tests.faults.stack import Stack, running
from tests.faults.test_sweep import Views, differences
from tests.integration.rebuild.inputs import AFTER, BEGIN, COUNTED, HOURS, events, robot, spoil

from tidegate_infra.errors import RebuildError
from tidegate_infra.rebuild import Range, Rebuilt, Store, rebuild
from tidegate_infra.rebuild.plan import plan
from tidegate_schemas.topics import Kind
from tidegate_stream.flight import in_flight
from tidegate_stream.folds import all_folds
from tidegate_stream.rebuild import Stretch

T = TypeVar("T")
pytestmark = [pytest.mark.broker, pytest.mark.clickhouse, pytest.mark.faults, pytest.mark.timeout(180)]


def past() -> Iterator[tuple[Kind, dict[str, Any]]]:
    """The robot begins before a session's cap, before the others."""
    begun = robot(BEGIN - timedelta(hours=30), 30 + HOURS)
    yield from merge(begun, events(BEGIN, HOURS, 2000, "first"), key=lambda event: event[1]["received_at"])
    yield from events(AFTER, 0.1, 200, "after")


def live() -> Iterator[tuple[Kind, dict[str, Any]]]:
    yield from events(AFTER + timedelta(hours=1), 3, 800, "live")


def rebuilt(stack: Stack, read_from: str, hours: tuple[float, float] = (-48, 37)) -> list[Rebuilt]:
    begin, end = (int((BEGIN + timedelta(hours=hour)).timestamp() * 1e6) for hour in hours)
    brokers = stack.brokers if read_from == "topic" else None
    return list(rebuild(Store(stack.client), Range(Stretch(begin, end), all_folds(), brokers, 1)))


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home: Path = tmp_path_factory.mktemp("rebuild")
    with running(home) as stack:
        stack.publish(past())
        stack.drain()
        yield stack


@pytest.fixture(scope="module")
def undisturbed(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Views:
    """What a stack holds after the past and the live traffic, without a rebuild."""
    with running(tmp_path_factory.mktemp("undisturbed"), stack.home) as other:
        other.publish([*past(), *live()])
        other.drain()
        return other.views()


@pytest.mark.parametrize("source", ["topic", "archive"])
def test_a_rebuild_of_all_changes_nothing(stack: Stack, source: str) -> None:
    before = stack.views()
    done = rebuilt(stack, source)
    assert differences(before, stack.views()) == {}
    assert {each.read_from for each in done} == {source}
    assert sum(each.removed for each in done) == 0
    assert {each.aggregate for each in done if each.written} == {fold.name for fold in all_folds()}


def test_a_rebuild_of_some_hours_changes_nothing_though_visits_began_long_before(stack: Stack) -> None:
    before = stack.views()
    done = rebuilt(stack, "archive", (3, 5))
    assert differences(before, stack.views()) == {}
    assert sum(each.removed for each in done) == 0
    assert [row for row in before["sessions"] if row[7] > 23 * 3600]


def test_what_the_archive_has_forgotten_is_refused(stack: Stack) -> None:
    store = Store(stack.client)
    (source, *_) = store.sources("track")
    fold = all_folds()[0]
    began = source.oldest_received
    with pytest.raises(RebuildError, match=r"can't be rebuilt\. Choose a later --from"):
        plan(store, source, fold, Stretch(began, began + 1), whole=False)
    later = began + 48 * 3_600_000_000
    assert plan(store, source, fold, Stretch(later, later + 1), whole=False).first > source.oldest


@pytest.mark.parametrize("source", ["topic", "archive"])
def test_spoilt_rows_are_right_again_and_were_not_before(stack: Stack, source: str) -> None:
    before = stack.views()
    spoil(stack.client)
    spoilt = differences(before, stack.views())
    assert {*COUNTED, "identities"} <= set(spoilt)
    done = rebuilt(stack, source)
    assert differences(before, stack.views()) == {}
    assert sum(each.removed for each in done) > 0


def test_a_rebuild_of_some_hours_repairs_these_and_leaves_the_others(stack: Stack) -> None:
    before = stack.views()
    spoil(stack.client)
    spoilt = stack.views()
    rebuilt(stack, "archive", (3, 5))
    found = stack.views()
    begin, end = (BEGIN.replace(tzinfo=None) + timedelta(hours=hour) for hour in (3, 5))
    for view in ("usage", "error_rates", "latencies", "metric_windows"):
        inside = [row for row in found[view] if begin <= row[0] < end]
        assert inside == [row for row in before[view] if begin <= row[0] < end]
        outside = [row for row in found[view] if not begin <= row[0] < end]
        assert outside == [row for row in spoilt[view] if not begin <= row[0] < end] != []
    rebuilt(stack, "archive")
    assert differences(before, stack.views()) == {}


def test_beside_a_worker_and_live_traffic_the_end_is_that_of_an_undisturbed_run(
    stack: Stack, undisturbed: Views
) -> None:
    """Rows of the live windows are the worker's; those of the range are mended beside it."""
    spoil(stack.client)
    worker = stack.worker()
    try:
        for step, (event, *others) in enumerate(batched(live(), 100)):
            stack.publish([event, *others])
            if step in (2, 5):
                rebuilt(stack, "topic" if step == 2 else "archive")
        while in_flight(stack.brokers):
            assert worker.poll() is None
            threading.Event().wait(0.2)
    finally:
        worker.terminate()
        worker.wait(30)
    assert differences(undisturbed, stack.views()) == {}


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    left = iter(items)
    while batch := list(islice(left, size)):
        yield batch
