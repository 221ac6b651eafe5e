"""Artifacts from Maven Central: each pinned by its checksum, fetched once, kept in the user's cache."""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidegate_infra.errors import ChecksumError, JarsUnavailableError

__all__ = ["Artifact", "default_cache", "fetch", "locked", "repository", "whole"]

_TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Artifact:
    """One pinned artifact: a jar, if nothing else is said."""

    sha256: str
    group: str
    artifact: str
    version: str
    classifier: str = ""
    packaging: str = "jar"

    @property
    def filename(self) -> str:
        """Name of the file in the cache."""
        return "-".join(filter(None, (self.artifact, self.version, self.classifier))) + f".{self.packaging}"


def default_cache() -> Path:
    """Where downloads are kept: TIDEGATE_CACHE, else XDG_CACHE_HOME/tidegate, else ~/.cache/tidegate."""
    if chosen := os.environ.get("TIDEGATE_CACHE"):
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "tidegate"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the file as a lock among processes, waiting for it."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def whole(folder: Path, fill: Callable[[Path, Path], None]) -> Path:
    """Return a folder of the cache, which `fill(staged, scratch)` makes the first time.

    Blocks; safe for several processes at once. It appears whole, by a rename, or not at all; `scratch` is thrown away.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_suffix(".lock")):
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix="fetch-") as scratch:
                staged = Path(scratch) / "staged"
                staged.mkdir()
                fill(staged, Path(scratch))
                staged.rename(folder)
    return folder


def repository(folder: Path) -> Any:
    """What `fetch` downloads by: a jgo MavenContext that works in `folder`, a scratch one."""
    from jgo.maven import MavenContext  # noqa: PLC0415 - half a second of imports, needed once a machine

    return MavenContext(repo_cache=folder, local_repos=[], timeout=_TIMEOUT_SECONDS)


def fetch(context: Any, wanted: Artifact, staged: Path, pinned_in: str, otherwise: str = "") -> int:
    """Put one artifact into `staged`, which is two folders below the cache's, and return its size in bytes.

    JarsUnavailableError without network, with `otherwise` as another way out; ChecksumError if it isn't the one that
    `pinned_in` pins.
    """
    component = context.project(wanted.group, wanted.artifact).at_version(wanted.version)
    try:
        path = Path(component.artifact(wanted.classifier, wanted.packaging).resolve())
    except (OSError, RuntimeError) as error:
        raise JarsUnavailableError(
            f"cannot fetch {wanted.filename} ({type(error).__name__}: {error}). "
            f"Nothing usable is cached in {staged.parent.parent.parent} either. Fix: connect to the network once, or "
            f"copy that folder from a machine that has it (TIDEGATE_CACHE says where it is){otherwise}."
        ) from error
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != wanted.sha256:
        raise ChecksumError(
            f"{wanted.filename} has SHA-256 {found}, but {pinned_in} says {wanted.sha256}: not used. "
            "Either the download was tampered with, or the list is out of date."
        )
    return path.replace(staged / wanted.filename).stat().st_size
