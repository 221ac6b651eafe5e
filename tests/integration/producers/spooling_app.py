"""`spooling_app.py SPOOL BROKERS MODE NAME FIRST COUNT`: tracks events, and says which calls returned.

It is killed, or ends when it has tracked them all: then it waits until everything is delivered.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tidegate import Client


def main(spool: str, brokers: str, mode: str, name: str, first: str, count: str) -> None:
    """Track events numbered from `first` on."""
    client = Client(brokers=brokers, spool=Path(spool), durable=mode == "durable")
    for number in range(int(first), int(first) + int(count)):
        client.track(name, {"number": number})
        os.write(1, b"%d\n" % number)
    left = client.shutdown(30)
    os.write(1, b"left %d\n" % left)


if __name__ == "__main__":
    main(*sys.argv[1:])
