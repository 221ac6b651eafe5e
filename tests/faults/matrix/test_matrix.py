"""Each fault of the matrix, on Tidegate, and some on vanilla Faust for contrast. `make faults` prints the table."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest
from tests.faults.conftest import rows_folder
from tests.faults.matrix.engine import small_disk
from tests.faults.matrix.input_faults import INPUT_FAULTS
from tests.faults.matrix.process_faults import PROCESS_FAULTS
from tests.faults.matrix.report import Row, note
from tests.faults.matrix.run import System, Views, base_events, finish, run_of
from tests.faults.matrix.tidegate import Tidegate
from tests.faults.matrix.vanilla import Vanilla

FAULTS = {**PROCESS_FAULTS, **INPUT_FAULTS}
pytestmark = [pytest.mark.faults, pytest.mark.broker, pytest.mark.clickhouse, pytest.mark.timeout(600)]


def strike(system: System, name: str, home: Path, keys_of: Path) -> Row:
    """Run a system under a fault."""
    fault = FAULTS[name]
    disk = small_disk(home / "ch") if fault.small_disk else nullcontext()
    with disk, run_of(system, home, keys_of, workers=fault.workers, nodes=fault.nodes) as run:
        fault.strike(run)
        finish(run)
        row = system.row(run, name)
    note(rows_folder(), row)
    return row


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_lost_doubled_or_wrong(fault: str, tmp_path: Path, keys_of: Path, undisturbed: Views) -> None:
    system = Tidegate(undisturbed)
    row = strike(system, fault, tmp_path, keys_of)
    assert row.right, (row, system.found)


@pytest.mark.parametrize("fault", [name for name, fault in FAULTS.items() if fault.vanilla])
def test_vanilla_faust_for_contrast(fault: str, tmp_path: Path, keys_of: Path) -> None:
    """What comes of it is measured, not demanded: only that some of the events arrived."""
    row = strike(Vanilla(), fault, tmp_path, keys_of)
    assert row.lost < sum(kind == "track" for kind, _ in base_events())


def test_control_vanilla_faust_is_right_where_nothing_happens(tmp_path: Path, keys_of: Path) -> None:
    """Else the contrast would be of our making."""
    system = Vanilla()
    with run_of(system, tmp_path, keys_of) as run:
        finish(run)
        row = system.row(run, "nothing")
    note(rows_folder(), row)
    assert row.right, row
