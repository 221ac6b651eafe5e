"""`counting_app.py FOLDER EVERY`: takes numbers until it is killed, and says each one that it has got.

It writes its file at every number, or, broken on purpose, at each EVERYth one only.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from tidegate.counter import Numbering
from tidegate.counter_file import LAST


def main(folder: str, every: str) -> None:
    """Count."""
    counter = Numbering("sdk", "shop", lambda: time.time_ns() // 1000, folder=Path(folder))
    while True:
        number = counter.take()
        if int(every) > 1:
            counter._words[LAST] = number // int(every) * int(every)
        os.write(1, b"%d\n" % number)


if __name__ == "__main__":
    main(*sys.argv[1:])
