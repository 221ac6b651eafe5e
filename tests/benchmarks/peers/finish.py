"""How a peer tells its rate: from the first record that it sees until the last one's results are with the broker."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable


class Clock:
    """Counts records; `done` once as many as expected have come."""

    def __init__(self, expected: int) -> None:
        self._expected, self.seen, self._began, self._cpu = expected, 0, 0.0, 0.0

    def saw(self, number: int = 1) -> bool:
        """Note records before they are worked on; whether these were the last ones."""
        if not self._began:
            self._began, self._cpu = time.perf_counter(), time.process_time()
        self.seen += number
        return self.seen >= self._expected

    def tell(self, flush: Callable[[], object]) -> None:
        """Wait until the broker has everything, print the rate as JSON and end the process."""
        flush()
        seconds, cpu = time.perf_counter() - self._began, time.process_time() - self._cpu
        line = {"records_per_second": self.seen / seconds, "seen": self.seen, "cpu_seconds": cpu}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
        os._exit(0)
