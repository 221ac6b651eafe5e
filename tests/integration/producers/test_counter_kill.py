"""A kill -9 at any moment leaves a counter that is right to the number, and the test would notice if it were not."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tidegate.counter_file import CounterFile

APP = Path(__file__).with_name("counting_app.py")
KILLED_AFTER = (1, 2, 7, 100, 1_003)


def killed(folder: Path, every: int = 1) -> Iterator[tuple[int, int]]:
    """For each kill: the last number that the process had said, and what its file says."""
    for numbers in KILLED_AFTER:
        command = [sys.executable, str(APP), str(folder), str(every)]
        app = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert app.stdout is not None
        said = [app.stdout.readline() for _ in range(numbers)]
        app.send_signal(signal.SIGKILL)
        said += app.stdout.read().splitlines(keepends=True)
        app.wait()
        (file,) = list(CounterFile.left(folder))
        ended = file.read()
        file.close(remove=True)
        yield int([line for line in said if line.endswith(b"\n")][-1]), ended.last if ended else -1


def test_the_file_says_the_last_number_that_was_given_out(tmp_path: Path) -> None:
    for said, found in killed(tmp_path):
        assert found in (said, said + 1)  # the last one may have been cut off before it was said


def test_control_a_counter_that_is_written_now_and_then_is_found_out(tmp_path: Path) -> None:
    assert any(found < said for said, found in killed(tmp_path, every=50))
