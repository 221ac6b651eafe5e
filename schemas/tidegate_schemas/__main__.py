"""Command line of the event contract: `python -m tidegate_schemas check | record | register URL`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tidegate_schemas.errors import TidegateError
from tidegate_schemas.evolution import check_history, record_history, register_history
from tidegate_schemas.history import HISTORY
from tidegate_schemas.registry import RegistryClient

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0 if all is well and 1 if not."""
    parser = argparse.ArgumentParser(prog="python -m tidegate_schemas", description=__doc__)
    parser.add_argument("--history", type=Path, default=HISTORY, help="folder of the recorded versions")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check", help="compare the schemas with every recorded version")
    commands.add_parser("record", help="write the schemas, if compatible, as recorded versions")
    register = commands.add_parser("register", help="register every recorded version in a schema registry")
    register.add_argument("url", help="base URL, such as http://localhost:8080/apis/ccompat/v7")
    options = parser.parse_args(arguments)
    try:
        match options.command:
            case "check":
                lines, failed = _check(options.history)
            case "record":
                lines, failed = [str(path) for path in record_history(root=options.history)], False
            case _:
                ids = register_history(RegistryClient(options.url), options.history)
                lines, failed = [f"{subject}: {numbers}" for subject, numbers in ids.items()], False
    except TidegateError as error:
        lines, failed = [str(error)], True
    (sys.stderr if failed else sys.stdout).write("".join(f"{line}\n" for line in lines))
    return int(failed)


def _check(history: Path) -> tuple[list[str], bool]:
    problems = check_history(root=history)
    return problems or ["every version of every subject reads every other"], bool(problems)


if __name__ == "__main__":
    sys.exit(main())
