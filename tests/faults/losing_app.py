"""`losing_app.py SPOOL BROKERS NAME FIRST COUNT FATAL`: tracks events, and kills itself after FATAL of them (0: never).

The kill comes between two calls, so that it is known what was sent; where the other threads are then is anyone's guess.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tidegate import Client

BURST = 40
PAUSE_SECONDS = 0.01
#: The ledger calls a number missing that is five minutes old: these are, so that a test needn't wait.
AGE = timedelta(minutes=20)


def main(spool: str, brokers: str, name: str, first: str, count: str, fatal: str) -> None:
    """Track events numbered from `first` on."""
    client = Client(brokers=brokers, spool=Path(spool), clock=lambda: datetime.now(UTC) - AGE)
    for sent in range(int(count)):
        client.track(name, {"number": int(first) + sent})
        if sent + 1 == int(fatal):
            os.kill(os.getpid(), signal.SIGKILL)
        if sent % BURST == 0:
            time.sleep(PAUSE_SECONDS)
    sys.exit(client.shutdown(30))


if __name__ == "__main__":
    main(*sys.argv[1:])
