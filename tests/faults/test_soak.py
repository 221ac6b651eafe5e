"""Kills at random moments, by the seed in the test's name; `SOAK_SEED=n make faults ARGS='-k soak'` replays them.

The sweep kills where somebody thought of a failpoint; this kills anywhere. `SOAK_SECONDS` sets how long.
"""

from __future__ import annotations

import os
import random
import threading
import time
from pathlib import Path

import pytest
from tests.faults.matrix.run import BATCHES, Run, Views, finish, run_of
from tests.faults.matrix.tidegate import Tidegate

pytestmark = [pytest.mark.faults, pytest.mark.broker, pytest.mark.clickhouse, pytest.mark.timeout(1200)]
SECONDS = float(os.environ.get("SOAK_SECONDS", "60"))
SEED = int(os.environ["SOAK_SEED"])  # chosen by conftest.py where nobody did
LONGEST_PAUSE_SECONDS = 6.0


def strike(run: Run, rng: random.Random) -> None:
    """Kill something; workers most often."""
    victim = rng.choices(("worker", "broker", "engine"), weights=(6, 1, 1))[0]
    if victim == "worker":
        run.workers.kill(rng.randrange(2))
    elif victim == "broker":
        run.broker.kill()
        run.broker.start_again()
    else:
        run.engine.kill()
        run.engine.start_again()


@pytest.mark.parametrize("seed", [SEED])
def test_soak_of_random_kills_ends_as_an_undisturbed_run(
    seed: int, tmp_path: Path, keys_of: Path, undisturbed: Views
) -> None:
    rng, system = random.Random(seed), Tidegate(undisturbed)
    with run_of(system, tmp_path, keys_of, workers=2) as run:
        deadline, kills = time.monotonic() + SECONDS, 0
        while time.monotonic() < deadline:
            if run.fed < BATCHES:
                run.feed()
            threading.Event().wait(rng.uniform(0.2, LONGEST_PAUSE_SECONDS))
            strike(run, rng)
            kills += 1
        finish(run)
        row = system.row(run, "random kills")
    assert row.right, (f"seed {seed}, {kills} kills", row, system.found)
    assert kills >= SECONDS / (LONGEST_PAUSE_SECONDS + 10)
