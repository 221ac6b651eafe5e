"""`python -m tidegate_infra.clickhouse --path DIR [--port N]`; the writer's password comes from the environment."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from tidegate_infra.clickhouse.serve import run

PASSWORD_VARIABLE = "TIDEGATE_CLICKHOUSE_WRITER_PASSWORD"  # noqa: S105 - the name of a variable


def main() -> None:
    """Parse and serve."""
    parser = argparse.ArgumentParser(prog="tidegate_infra.clickhouse", description=__doc__)
    parser.add_argument("--path", type=Path, required=True, help="data directory; made if absent")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 lets the system pick one")
    arguments = parser.parse_args()
    password = os.environ.get(PASSWORD_VARIABLE, "")
    if not password:
        parser.error(f"the environment variable {PASSWORD_VARIABLE} must hold the password of the user `writer`")
    run(arguments.path, arguments.host, arguments.port, password)


if __name__ == "__main__":
    main()
