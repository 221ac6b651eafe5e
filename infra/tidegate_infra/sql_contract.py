"""Write docs/sql-contract.md from a fresh engine: `python -m tidegate_infra.sql_contract PATH`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tidegate_infra.clickhouse import fixture
from tidegate_sinks import migrate
from tidegate_sinks.clickhouse import Address, connect
from tidegate_sinks.contract import render

__all__ = ["main"]


def main(arguments: list[str]) -> int:
    """Apply the migrations to an engine of its own, and write what its views are."""
    with tempfile.TemporaryDirectory() as home, fixture.start(Path(home)) as running:
        client = connect(Address(running.url, "writer", running.writer_password))
        migrate.apply(client)
        Path(arguments[0]).write_text(render(client), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
