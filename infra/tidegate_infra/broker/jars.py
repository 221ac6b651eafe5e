"""Kafka's jars: locked by checksum, fetched once from Maven Central, kept in the user's cache."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from tidegate_infra.errors import ChecksumError, JarsUnavailableError

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
_TIMEOUT_SECONDS = 60

Progress = Callable[[str], None]
"""Told one line whenever there is something to say."""


@dataclass(frozen=True)
class Jar:
    """One locked artifact."""

    sha256: str
    group: str
    artifact: str
    version: str

    @property
    def filename(self) -> str:
        """Name of the file in the cache."""
        return f"{self.artifact}-{self.version}.jar"


def default_cache() -> Path:
    """Where downloads are kept: TIDEGATE_CACHE, else XDG_CACHE_HOME/tidegate, else ~/.cache/tidegate."""
    if chosen := os.environ.get("TIDEGATE_CACHE"):
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "tidegate"


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
    with _locked(folder.with_suffix(".lock")):
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


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _fetch(repository: Path, staged: Path, say: Progress) -> None:
    from jgo.maven import MavenContext  # noqa: PLC0415 - half a second of imports, needed once a machine

    context = MavenContext(repo_cache=repository, local_repos=[], timeout=_TIMEOUT_SECONDS)
    jars = locked_jars()
    say(f"fetching Apache Kafka: {len(jars)} jars, 43 MB, once for this machine")
    with ThreadPoolExecutor(_PARALLEL) as pool:
        sizes = 0
        for done, size in enumerate(pool.map(lambda jar: fetch_one(context, jar, staged), jars), start=1):
            sizes += size
            if done % 10 == 0 or done == len(jars):
                say(f"fetching Apache Kafka: {done}/{len(jars)} jars, {sizes / 1e6:.0f} MB")


def fetch_one(context: Any, jar: Jar, staged: Path) -> int:
    """Put one jar into `staged` by a jgo MavenContext and return its size; raises as `ensure_jars` does."""
    component = context.project(jar.group, jar.artifact).at_version(jar.version)
    try:
        path = Path(component.artifact().resolve())
    except (OSError, RuntimeError) as error:
        raise JarsUnavailableError(
            f"cannot fetch {jar.filename} of the embedded broker ({type(error).__name__}: {error}). "
            f"Nothing usable is cached in {staged.parent.parent.parent} either. Fix: connect to the network once, or "
            "copy that folder from a machine that has it (TIDEGATE_CACHE says where it is), or point TIDEGATE_BROKERS "
            "at a Kafka of your own."
        ) from error
    data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != jar.sha256:
        raise ChecksumError(
            f"{jar.filename} has SHA-256 {found}, but {LOCK_FILE} says {jar.sha256}: not used. "
            "Either the download was tampered with, or the list is out of date."
        )
    path.replace(staged / jar.filename)
    return len(data)
