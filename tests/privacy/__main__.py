"""`make privacy`: the leak test at length. PRIVACY_CANARIES, PRIVACY_SEED, PRIVACY_JSON, PRIVACY_CONTROL=1."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from tests.privacy import stack
from tests.privacy.harmless import over_redaction
from tests.privacy.run import reach, run

CANARIES = 100_000


def main() -> int:
    """Exit code 1 if a claimed kind leaks; with PRIVACY_CONTROL=1 the gates keep all, and it has to be 1."""
    began = time.monotonic()
    number, seed = int(os.environ.get("PRIVACY_CANARIES", CANARIES)), int(os.environ.get("PRIVACY_SEED", "1"))
    worker = stack.LEAKY if os.environ.get("PRIVACY_CONTROL") else stack.WORKER
    with tempfile.TemporaryDirectory(prefix="tidegate-privacy-") as home, stack.running(Path(home), worker) as running:
        report = run(running, number, seed)
    report.reach(reach(number, seed))
    harmless = over_redaction()
    for line in (*report.lines(), *harmless.lines()):
        print(line)  # noqa: T201 - what the command is for
    if path := os.environ.get("PRIVACY_JSON"):
        report.write(Path(path), harmless.as_json())
    print(f"{time.monotonic() - began:.0f} s")  # noqa: T201 - same
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main())
