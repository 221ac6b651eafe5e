"""Apicurio Registry, which speaks Confluent's API: a real one, with its data in memory, from Maven Central.

109 MB, fetched when the first test asks for it and kept in the user's cache. Only tests need it: a stack is pointed at
a registry of your own.
"""

from __future__ import annotations

import re
import signal
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tidegate_infra.broker.java import find_java
from tidegate_infra.maven import Artifact, default_cache, fetch, repository, whole
from tidegate_infra.processes import spawn, stop_group

REGISTRY = Artifact(
    "2b28181501a20cbf6efcd77f9b7153908fc01f3d3a7c32024c0bd9e1b04c8a43",
    "io.apicurio",
    "apicurio-registry-app",
    "3.0.9",  # newer ones need Java 21
    "all",
    "tar.gz",
)
PATH = "/apis/ccompat/v7"
READY_SECONDS = 90.0
#: Each test begins with a registry that knows nothing.
DELETION = ("apicurio.rest.deletion.artifact.enabled", "apicurio.rest.deletion.artifact-version.enabled")
_JVM = ("-Xmx384m", "-Xms48m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_SETTINGS = (
    "-Dquarkus.http.host=127.0.0.1",
    "-Dquarkus.http.port=0",
    # At this level it says which port it got.
    '-Dquarkus.log.category."io.quarkus".level=INFO',
    *(f"-D{name}=true" for name in DELETION),
)
_LISTENING = re.compile(r"Listening on: (http://127\.0\.0\.1:\d+)")


def ensure(cache: Path) -> Path:
    """Return the unpacked registry's folder, fetching it the first time; raises as `maven.fetch` does."""

    def unpack(staged: Path, scratch: Path) -> None:
        fetch(repository(scratch / "repository"), REGISTRY, staged, Path(__file__).name)
        archive = staged / REGISTRY.filename
        with tarfile.open(archive) as packed:
            packed.extractall(staged, filter="data")
        archive.unlink()

    return whole(cache / "apicurio" / REGISTRY.sha256[:12], unpack)


@contextmanager
def start(home: Path) -> Iterator[str]:
    """Run a registry that logs to `home`, and give the base address of its Confluent API."""
    (program,) = ensure(default_cache()).glob("*-runner.jar")
    home.mkdir(parents=True, exist_ok=True)
    log = home / "registry.log"
    with log.open("wb") as output:
        process = spawn([str(find_java().executable), *_JVM, *_SETTINGS, "-jar", str(program)], output)
    try:
        deadline = time.monotonic() + READY_SECONDS
        while not (address := _LISTENING.search(log.read_text(errors="replace"))):
            assert process.poll() is None, f"the registry ended: {log.read_text(errors='replace')[-2000:]}"
            assert time.monotonic() < deadline, f"the registry isn't ready after {READY_SECONDS:.0f} s, see {log}"
            time.sleep(0.05)
        yield address.group(1) + PATH
    finally:
        stop_group(process.pid, signal.SIGKILL)  # all that it knows is in memory
        process.wait()


def empty(url: str) -> None:
    """Delete every subject, and what the registry holds each to."""
    with httpx.Client(base_url=url, timeout=30) as client:
        for subject in client.get("/subjects").raise_for_status().json():
            client.delete(f"/subjects/{subject}").raise_for_status()
