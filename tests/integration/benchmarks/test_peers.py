"""The comparison with other stream processors is one of equals: each leaves the same numbers, and a false one shows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.benchmarks import stream
from tests.benchmarks.peers import in_memory, inputs, results
from tests.benchmarks.peers.record_gate import RecordGate
from tests.benchmarks.peers.systems import FAUST, FAUST_ROWS, TIDEGATE, System

EVENTS = 2_000


@pytest.mark.broker
@pytest.mark.clickhouse
@pytest.mark.parametrize(("system", "job"), [(TIDEGATE, "rows"), (FAUST_ROWS, "rows"), (FAUST, "windows")])
def test_a_system_leaves_what_the_work_in_memory_does(system: System, job: str, tmp_path: Path) -> None:
    records, keys = stream.given(job, EVENTS)
    rate = stream.measure(system, job, records, tmp_path / "run", keys)
    assert rate.wall > 0


def test_the_peers_gate_makes_the_clean_records_that_tidegate_makes() -> None:
    records, keys = stream.given("gate", EVENTS)
    gate, found = RecordGate(keys), []
    for (topic, _), values in in_memory.partitions(records):
        found += [passed for offset, value in enumerate(values) if (passed := gate.take(topic, offset, value))]
    expected = results.clean_records(results.pairs(inputs.clean(records, keys)))
    results.compare("peer", results.clean_records((one.key, one.value) for one in found), expected)
    assert gate.refused == EVENTS - len(expected) > 0


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ({1: {"count": 2.0}}, "lacks 2"),
        ({1: {"count": 3.0}, 2: {"count": 1.0}}, "count of 1 is 3.0 where 2.0 is expected"),
        ({1: {"count": 2.0}, 2: {"count": 1.0}, 3: {"count": 1.0}}, "has 3, which is not expected"),
    ],
)
def test_a_false_result_is_noticed(found: Mapping[int, Mapping[str, Any]], says: str) -> None:
    with pytest.raises(results.DifferentError, match=says):
        results.compare("control", found, {1: {"count": 2.0}, 2: {"count": 1.0}})
