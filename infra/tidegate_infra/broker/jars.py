"""Kafka's jars: locked by checksum, fetched once from Maven Central, kept in the user's cache."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import Any

from tidegate_infra.maven import Artifact as Jar
from tidegate_infra.maven import default_cache, fetch, locked, repository

__all__ = [
    "LOCK_FILE",
    "Jar",
    "Progress",
    "cached_jars",
    "default_cache",
    "ensure_jars",
    "fetch_one",
    "lock_digest",
    "locked_jars",
]

LOCK_FILE = "kafka-jars.sha256"
_PARALLEL = 6

Progress = Callable[[str], None]
"""Told one line whenever there is something to say."""


def locked_jars() -> list[Jar]:
    """Read the committed list of jars, in its order."""
    jars = []
    for line in _lock_text().splitlines():
        if line and not line.startswith("#"):
            sha256, coordinates = line.split()
            jars.append(Jar(sha256, *coordinates.split(":")))
    return jars


def cached_jars(cache: Path) -> Path | None:
    """Return the folder of verified jars if the cache has all of them, else None; touches no network."""
    folder = _folder(cache)
    complete = (folder / ".verified").exists() and all((folder / jar.filename).exists() for jar in locked_jars())
    return folder if complete else None


def ensure_jars(cache: Path, say: Progress = lambda _line: None) -> Path:
    """Return the folder that holds exactly the locked jars, fetching and checking them the first time.

    Blocks; safe for several processes at once (the first fetches, the others wait).
    Raises JarsUnavailableError without network and cache, ChecksumError if a jar isn't the locked one.
    """
    if ready := cached_jars(cache):
        return ready
    folder = _folder(cache)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_suffix(".lock")):
        if ready := cached_jars(cache):
            return ready
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix="fetch-") as scratch:
            staged = Path(scratch) / "jars"
            staged.mkdir()
            _fetch(Path(scratch) / "repository", staged, say)
            (staged / ".verified").touch()
            shutil.rmtree(folder, ignore_errors=True)
            staged.rename(folder)
    return folder


def lock_digest() -> str:
    """Short name of the list of jars: another list is another folder."""
    return hashlib.sha256(_lock_text().encode()).hexdigest()[:12]


def _folder(cache: Path) -> Path:
    return cache / "kafka" / lock_digest()


def _lock_text() -> str:
    return files("tidegate_infra.broker").joinpath(LOCK_FILE).read_text(encoding="utf-8")


def _fetch(scratch: Path, staged: Path, say: Progress) -> None:
    context = repository(scratch)
    jars = locked_jars()
    say(f"fetching Apache Kafka: {len(jars)} jars, 43 MB, once for this machine")
    with ThreadPoolExecutor(_PARALLEL) as pool:
        sizes = 0
        for done, size in enumerate(pool.map(lambda jar: fetch_one(context, jar, staged), jars), start=1):
            sizes += size
            if done % 10 == 0 or done == len(jars):
                say(f"fetching Apache Kafka: {done}/{len(jars)} jars, {sizes / 1e6:.0f} MB")


def fetch_one(context: Any, jar: Jar, staged: Path) -> int:
    """Put one jar into `staged` by a `maven.repository` and return its size; raises as `ensure_jars` does."""
    return fetch(context, jar, staged, LOCK_FILE, ", or point TIDEGATE_BROKERS at a Kafka of your own")
