"""The fault matrix's table, at the end of the run and as JSON."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from pathlib import Path

import pytest
from tests.faults.matrix.report import as_json, noted, table
from tests.faults.matrix.run import Views, finish, run_of
from tests.faults.matrix.tidegate import RAW_OFFSETS, Tidegate

#: Where the rows of this run are; processes of pytest-xdist inherit it.
VARIABLE = "TIDEGATE_TEST_FAULT_ROWS"


def rows_folder() -> Path:
    """Where tests note their rows."""
    return Path(os.environ[VARIABLE])


def pytest_configure() -> None:
    """One folder and one seed a run."""
    os.environ.setdefault("SOAK_SEED", str(random.SystemRandom().randrange(1_000_000)))
    os.environ.setdefault(VARIABLE, tempfile.mkdtemp(prefix="tidegate-faults-"))


@pytest.fixture(scope="session")
def keys_of(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Home of the keys that all runs share, so that pseudonyms are the same."""
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, keys_of: Path) -> Views:
    """Views of a run to which nothing happens."""
    with run_of(Tidegate({}), tmp_path_factory.mktemp("undisturbed"), keys_of) as run:
        finish(run)
        return run.stack.views(RAW_OFFSETS)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table, and write it where FAULTS_JSON says."""
    if hasattr(terminalreporter.config, "workerinput"):
        return  # one of several processes: the one that they report to has all rows
    rows = noted(rows_folder())
    if rows:
        terminalreporter.section("fault matrix")
        for line in table(rows):
            terminalreporter.write_line(line)
        if path := os.environ.get("FAULTS_JSON"):
            Path(path).write_text(as_json(rows), encoding="utf-8")
    shutil.rmtree(rows_folder(), ignore_errors=True)
