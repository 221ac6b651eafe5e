"""`forking_app.py BROKERS NAME EVENTS HOW [SPOOL]`: what a parent and its forked child track, and how they end.

`exit`: both return from main. `term`: the parent tracks as many again and gets SIGTERM, with a handler of its own that
ends it at once and `flush_on_sigterm`; `unasked`: without the latter.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from tidegate import Client


def main(brokers: str, name: str, events: str, how: str, spool: str = "") -> None:
    """Track from threads and fork meanwhile; each line written is a process's id as a producer."""
    if how != "exit":
        signal.signal(signal.SIGTERM, _leave)
    client = Client(brokers=brokers, flush_on_sigterm=how == "term", spool=Path(spool) if spool else None)
    busy = threading.Thread(target=_track, args=[client, name, "thread", int(events)])
    busy.start()
    child = os.fork()
    who = "parent" if child else "child"
    _track(client, name, who, int(events))
    if child:
        busy.join()
        os.waitpid(child, 0)
    os.write(1, f"{who} {client.producer_id}\n".encode())
    if child and how != "exit":
        _track(client, name, "last", int(events))
        os.kill(os.getpid(), signal.SIGTERM)


def _track(client: Client, name: str, who: str, events: int) -> None:
    for number in range(events):
        client.track(name, {"who": who, "number": number})


def _leave(number: int, frame: FrameType | None) -> None:
    os.write(1, b"own handler\n")
    os._exit(7)


if __name__ == "__main__":
    main(*sys.argv[1:])
