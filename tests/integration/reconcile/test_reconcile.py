"""Aggregates held against the archive: a healthy stack has no difference, and each that is made is found."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from tests.faults.stack import PARTITIONS, Stack, running
from tests.integration.rebuild.inputs import AFTER, BEGIN, COUNTED, HOURS, events

from tidegate_infra.rebuild import Range, Store, rebuild
from tidegate_infra.reconcile import Found, compare, report
from tidegate_schemas.topics import KINDS, clean_topic
from tidegate_stream.flight import committed_offsets, in_flight
from tidegate_stream.folds import all_folds
from tidegate_stream.observability import RECONCILIATION
from tidegate_stream.rebuild import Stretch
from tidegate_stream.reconcile import Reconciler, Scope

pytestmark = [pytest.mark.broker, pytest.mark.clickhouse, pytest.mark.faults, pytest.mark.timeout(180)]
FIRST, LAST = (int((BEGIN + timedelta(hours=hours)).timestamp() * 1e6) for hours in (-24, 37))
SCOPE = Scope(FIRST, LAST, 1, 3600, 1800)
MEASURES = {
    ("sessions", "events"),
    ("activity", "events"),
    ("usage", "count"),
    ("usage", "failures"),
    ("error_rates", "requests"),
    ("error_rates", "client_errors"),
    ("error_rates", "server_errors"),
    ("error_rates", "exceptions"),
    ("latencies", "count"),
    ("latencies", "sum_seconds"),
    ("metric_windows", "count"),
    ("release_health", "init"),
    ("release_health", "crashed"),
    ("release_health", "counted"),
    ("release_health", "counted_crashed"),
    ("ledger", "stored"),
}


def compared(stack: Stack, app_id: str = "tidegate") -> Found:
    return compare(stack.client, lambda places: committed_offsets(stack.brokers, app_id, places), SCOPE)


def repair(stack: Stack) -> None:
    for _ in rebuild(Store(stack.client), Range(Stretch(FIRST, LAST), all_folds(), stack.brokers, 1)):
        pass


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home: Path = tmp_path_factory.mktemp("reconcile")
    with running(home) as stack:
        stack.publish(events(BEGIN, HOURS, 2000, "first"))
        stack.publish(events(AFTER, 0.1, 200, "after"))
        stack.drain()
        yield stack


def test_a_healthy_stack_has_no_difference(stack: Stack) -> None:
    found = compared(stack)
    assert found.differences == []
    assert len(found.judged.watermarks) == PARTITIONS * len(KINDS)


def test_a_count_too_much_is_found_in_each_measure_and_repaired_by_the_command_that_is_named(stack: Stack) -> None:
    for table, measure in MEASURES:
        which = "source_topic = 'clean.error'" if measure == "exceptions" else "source_topic != 'clean.error'"
        if table == "metric_windows":
            which = "instrument = 'gauge'"
        _change(stack, table, measure, f"final = 1 AND {which}")
    found = compared(stack)
    assert {(each.aggregate, each.measure) for each in found.differences} == MEASURES
    lines = list(report(found, AFTER))
    assert sum(line.startswith("  tidegate rebuild --from ") for line in lines) == len(COUNTED)
    repair(stack)
    assert compared(stack).differences == []


def test_rows_that_are_gone_are_found(stack: Stack) -> None:
    for table in COUNTED:
        which = "instrument = 'gauge'" if table == "metric_windows" else "1"
        lost = f"DELETE FROM tidegate.{table} WHERE final = 1 AND {which} AND first_offset % 20 = 0"
        stack.client.command(lost, settings={"lightweight_deletes_sync": 2})
    found = compared(stack).differences
    assert {each.aggregate for each in found} == set(COUNTED)
    assert all(each.found < each.expected and not each.overlapping for each in found)
    repair(stack)
    assert compared(stack).differences == []


def test_what_is_archived_and_not_yet_folded_is_no_difference_but_not_judged(stack: Stack) -> None:
    def nothing(_places: Iterable[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
        return {}

    _change(stack, "usage", "count", "final = 1")
    found = compare(stack.client, nothing, SCOPE, patience_seconds=0)
    assert found.differences == []
    assert len(found.judged.waiting) == PARTITIONS * len(KINDS)
    repair(stack)


def test_a_difference_is_on_record_from_the_second_round_until_it_is_repaired(stack: Stack) -> None:
    reconciler = Reconciler(
        stack.client,
        lambda asked: committed_offsets(stack.brokers, "tidegate", asked),
        _clean_places,
        SCOPE,
        first_micros=LAST - FIRST,
    )
    gauge = RECONCILIATION.labels("usage")
    _change(stack, "usage", "count", "final = 1")
    assert reconciler.round().reported == []
    (reported,) = reconciler.round().reported
    assert reported.aggregate == "usage"
    assert reported.found - reported.expected == pytest.approx(1)
    assert gauge._value.get() == 1
    assert stack.ask("SELECT count() FROM analytics.reconciliation WHERE resolved = 0 AND aggregate = 'usage'") == 1
    repair(stack)
    assert [each.identity for each in reconciler.round().resolved] == [reported.identity]
    assert gauge._value.get() == 0
    assert stack.ask("SELECT min(resolved) FROM analytics.reconciliation") == 1


def test_a_worker_puts_a_difference_on_record_by_itself_and_the_end_of_it(stack: Stack) -> None:
    worker = stack.worker(RECONCILE_SECONDS="0.3")
    try:
        # It looks at what closed lately. That it writes rows again after its recovery is over once it folds.
        stack.publish(events(AFTER + timedelta(minutes=10), 2.5, 200, "live"))
        _until(stack, worker, lambda: not in_flight(stack.brokers))
        _change(stack, "usage", "count", f"final = 1 AND window_start >= toDateTime({int(AFTER.timestamp())})")
        _until(stack, worker, lambda: _open_differences(stack) == 1)
        repair(stack)
        _until(stack, worker, lambda: _open_differences(stack) == 0)
    finally:
        worker.terminate()
        worker.wait(30)


def test_the_command_fails_on_a_difference_and_the_command_that_it_names_repairs_it(
    stack: Stack, tmp_path: Path
) -> None:
    _change(stack, "usage", "count", "final = 1")
    begin = f"{BEGIN:%Y-%m-%dT%H:%M}"
    status, said = _tidegate(stack, tmp_path, "reconcile", "--from", begin)
    assert status == 1, said
    (named,) = [line.split() for line in said.splitlines() if line.startswith("  tidegate rebuild")]
    status, said = _tidegate(stack, tmp_path, *named[1:])
    assert status == 0, said
    assert re.search(r"^usage +clean\.track/\d +topic +\d+ +0 +0$", said, re.M), said
    status, said = _tidegate(stack, tmp_path, "reconcile", "--from", begin)
    assert (status, said) == (0, f"no difference in {PARTITIONS * len(KINDS)} partitions\n")


def test_what_lost_state_leaves_is_found_and_repaired(stack: Stack) -> None:
    """State and changelog are gone and so is the log's beginning: a worker of another name has neither."""
    before = stack.views()
    ends = committed_offsets(stack.brokers, "tidegate", _clean_places())
    kept_from = [TopicPartition(*place, offset) for place, offset in _amid_windows(stack).items()]
    admin = AdminClient({"bootstrap.servers": stack.brokers})
    for future in admin.delete_records(kept_from).values():
        future.result(30)
    worker = stack.worker(APP_ID="anew")
    try:
        _until(stack, worker, lambda: committed_offsets(stack.brokers, "anew", _clean_places()) == ends)
    finally:
        worker.terminate()
        worker.wait(30)
    found = compared(stack, "anew").differences
    assert {each.aggregate for each in found if each.overlapping} >= {"usage"}
    repair(stack)
    assert compared(stack, "anew").differences == []
    after = stack.views()
    assert [view for view in before if view != "reconciliation" and before[view] != after[view]] == []


def _clean_places() -> list[tuple[str, int]]:
    return [(clean_topic(kind), partition) for kind in KINDS for partition in range(PARTITIONS)]


def _amid_windows(stack: Stack) -> dict[tuple[str, int], int]:
    """Offsets behind the first of several events of a row of `usage`."""
    rows = stack.client.query(
        "SELECT source_topic, source_partition, min(first_offset) + 1 FROM tidegate.usage FINAL "
        "WHERE final = 1 AND count > 3.4 AND window_start > {hour:DateTime} GROUP BY source_topic, source_partition",
        parameters={"hour": BEGIN + timedelta(hours=2)},
    ).result_rows
    return {(str(topic), int(partition)): int(offset) for topic, partition, offset in rows}


def _open_differences(stack: Stack) -> int:
    return stack.ask("SELECT count() FROM analytics.reconciliation WHERE resolved = 0")


def _until(stack: Stack, worker: subprocess.Popen[bytes], reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not reached():
        assert worker.poll() is None
        assert time.monotonic() < deadline, (stack.home / "worker.log").read_text()[-3000:]
        threading.Event().wait(0.2)


def _tidegate(stack: Stack, home: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and output of the command line, on this stack."""
    own = {
        "TIDEGATE_HOME": str(home),
        "TIDEGATE_BROKERS": stack.brokers,
        "TIDEGATE_CLICKHOUSE_URL": stack.engine.url,
        "TIDEGATE_CLICKHOUSE_PASSWORD": stack.engine.writer_password,
    }
    argv = [sys.executable, "-m", "tidegate_infra", *arguments]
    done = subprocess.run(argv, env=os.environ | own, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def _change(stack: Stack, table: str, measure: str, which: str) -> None:
    """One more in one row."""
    stack.client.command(
        f"INSERT INTO tidegate.{table} SELECT * REPLACE ({measure} + 1 AS {measure}) FROM tidegate.{table} FINAL "
        f"WHERE {which} ORDER BY first_offset LIMIT 1"
    )
