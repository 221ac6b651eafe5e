"""One stack a home: the lock that a running `tidegate up` holds, and what it says about itself."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tidegate_infra.errors import HomeInUseError
from tidegate_infra.settings import Settings

__all__ = ["CHAOS_FACT", "fact_path", "hold", "holder", "prepare_home", "write_fact"]

CHAOS_FACT = "chaos"
"""What a demo that kills processes says of itself while it runs."""


def prepare_home(settings: Settings) -> None:
    """Make the folders; the home is for its owner, since it holds keys and raw events."""
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    for folder in (settings.run_dir, settings.logs_dir, settings.data_dir):
        folder.mkdir(exist_ok=True)
    settings.keys_dir.mkdir(exist_ok=True, mode=0o700)


@contextmanager
def hold(settings: Settings) -> Iterator[None]:
    """Hold the home until the block ends; HomeInUseError says who has it. A dead holder holds nothing."""
    path = settings.run_dir / "lock"
    with path.open("a+", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise HomeInUseError(
                f"{settings.home} is in use by {_read(path)}. Fix: stop that one, or set TIDEGATE_HOME to "
                "another folder for a second stack."
            ) from error
        handle.truncate(0)
        handle.write(f"process {os.getpid()}, started at {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
        handle.flush()
        yield
        handle.truncate(0)


def holder(settings: Settings) -> str | None:
    """Who holds the home, or None."""
    path = settings.run_dir / "lock"
    if not path.exists():
        return None
    with path.open("a+", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read(path)
    return None


def fact_path(settings: Settings, name: str) -> Path:
    """Where a fact is written."""
    return settings.run_dir / f"{name}.json"


def write_fact(settings: Settings, name: str, fact: Mapping[str, object]) -> None:
    """Replace run/NAME.json whole, so that a reader never sees half of it."""
    path = fact_path(settings, name)
    scratch = path.with_suffix(f".{os.getpid()}")
    scratch.write_text(json.dumps(fact, indent=1, sort_keys=True), encoding="utf-8")
    scratch.replace(path)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() or "another process"
