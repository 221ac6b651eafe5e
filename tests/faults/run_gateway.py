"""`run_gateway.py BROKERS PORT PUBLIC_KEY COUNTERS`: a gateway for the kill tests."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from tidegate_gateway.serve import run
from tidegate_gateway.settings import GatewaySettings, Project

PROJECT = Project(1, "default", "write-key")


def main(brokers: str, port: str, public_key: str, counters: str) -> None:
    """Serve until SIGTERM."""
    logging.basicConfig(level=logging.WARNING)
    run(
        GatewaySettings(
            host="127.0.0.1",
            port=int(port),
            brokers=brokers,
            projects=(PROJECT,),
            dead_letter_public_key=bytes.fromhex(public_key),
            counters=Path(counters),
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
