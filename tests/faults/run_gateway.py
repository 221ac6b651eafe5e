"""`run_gateway.py BROKERS PORT PUBLIC_KEY COUNTERS [forgetful]`: a gateway for the kill tests.

`forgetful` is one that is broken on purpose: it answers before its spool holds anything.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from tidegate.publish import OnDelivery
from tidegate.spool.frames import Record
from tidegate.spool.publisher import SpoolingPublisher
from tidegate_gateway.serve import run
from tidegate_gateway.settings import GatewaySettings, Project

PROJECT = Project(1, "default", "write-key")


def forget(self: SpoolingPublisher, record: Record, on_delivery: OnDelivery | None) -> None:
    """Answer, and keep nothing."""
    if on_delivery:
        on_delivery(None)


def main(brokers: str, port: str, public_key: str, counters: str, how: str = "") -> None:
    """Serve until SIGTERM."""
    logging.basicConfig(level=logging.WARNING)
    if how == "forgetful":
        SpoolingPublisher._keep = forget  # type: ignore[method-assign]
    run(
        GatewaySettings(
            host="127.0.0.1",
            port=int(port),
            brokers=brokers,
            projects=(PROJECT,),
            dead_letter_public_key=bytes.fromhex(public_key),
            spool=Path(counters) / "spool",
            spool_after_seconds=1.0,
            counters=Path(counters),
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
