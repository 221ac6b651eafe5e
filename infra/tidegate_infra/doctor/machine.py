"""Checks of the machine and of the home: they need no running service."""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, build_opener

from tidegate_infra import ports
from tidegate_infra.broker.jars import cached_jars
from tidegate_infra.broker.java import find_java
from tidegate_infra.doctor.finding import Finding, good, note, wrong
from tidegate_infra.errors import JavaNotFoundError
from tidegate_infra.home import holder
from tidegate_infra.keys import loose_files
from tidegate_infra.runtime import embedded_services
from tidegate_infra.settings import Settings, unknown_variables

__all__ = ["examine_machine"]

_NEEDED_BYTES = 1_000_000_000
_COMFORTABLE_BYTES = 5_000_000_000
_NETWORK_SECONDS = 5
_GRACE_SECONDS = 600


def examine_machine(settings: Settings) -> Iterator[Finding]:
    """Look at Python, Java, jars, home, disk, keys, salts, variables and ports."""
    yield _python()
    if "broker" in embedded_services(settings):
        yield _java()
        yield _jars(settings.cache)
    home = _home(settings.home)
    yield home
    if home.fix:
        return
    yield _disk(settings.home)
    yield _keys(settings.keys_dir)
    yield _salts(settings)
    yield _variables()
    yield from _ports(settings)


def _python() -> Finding:
    # What is too old doesn't get as far as this: the package can't be installed there.
    return good("Python", sys.version.split()[0])


def _java() -> Finding:
    try:
        java = find_java()
    except JavaNotFoundError as error:
        found, _, fix = str(error).partition(" Fix: ")
        return wrong("Java", found, fix)
    return good("Java", f"{java.version} from {java.source}")


def _jars(cache: Path) -> Finding:
    folder = cached_jars(cache)
    if folder is not None:
        return good("Kafka's jars", f"in {folder}")
    from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415 - half a second of imports, seldom needed

    try:
        head = Request(f"{MAVEN_CENTRAL_URL}/", method="HEAD")  # noqa: S310 - the resolver's own https address
        with build_opener().open(head, timeout=_NETWORK_SECONDS):
            pass
    except HTTPError:  # an answer, if only that there is no list of everything
        pass
    except URLError as error:
        return wrong(
            "Kafka's jars",
            f"not in {cache}, and Maven Central can't be reached ({error.reason})",
            f"connect to the network and run `tidegate install`, or copy {cache}/kafka from a machine that has it",
        )
    return note("Kafka's jars", f"not in {cache} yet", "nothing to do: the first start fetches them (43 MB)")


def _home(home: Path) -> Finding:
    nearest = next(folder for folder in (home, *home.parents) if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        fix = f"give your user the right to write to {nearest}, or set TIDEGATE_HOME to another folder"
        return wrong("home", f"{home} can't be written to ({error.strerror})", fix)
    return good("home", str(home))


def _disk(home: Path) -> Finding:
    nearest = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(nearest).free
    found = f"{free / 1e9:.1f} GB free at {nearest}"
    fix = "free some space, or set TIDEGATE_HOME to a folder on another disk"
    if free < _NEEDED_BYTES:
        return wrong("disk", f"{found}: Kafka and ClickHouse stop when it is full", fix)
    return good("disk", found) if free >= _COMFORTABLE_BYTES else note("disk", found, fix)


def _keys(folder: Path) -> Finding:
    if not folder.exists():
        return note("keys", "none yet", "nothing to do: the first start makes them")
    loose = loose_files(folder)
    if loose and os.name == "posix":
        names = ", ".join(path.name for path in loose)
        return wrong("keys", f"others can read {names} in {folder}", f"chmod 600 {folder}/*")
    return good("keys", f"only yours to read, in {folder}")


def _salts(settings: Settings) -> Finding:
    from tidegate_stream.gate.salts import DAY_SECONDS, LIFE_SECONDS, FolderSalts  # noqa: PLC0415 - loads polars

    folder, now = settings.salts_folder, time.time()
    old = [
        day for day in FolderSalts(folder, time.time).days() if now > day * DAY_SECONDS + LIFE_SECONDS + _GRACE_SECONDS
    ]
    if old:
        days = ", ".join(f"{date(1970, 1, 1) + timedelta(day)}" for day in old)
        fix = f"start a worker, which destroys it, or remove {folder}/salt-{old[0]} yourself"
        return wrong("salts", f"the salt of {days} should be gone: no worker ran that could destroy it", fix)
    if loose := loose_files(folder):
        return wrong(
            "salts", f"others can read {', '.join(path.name for path in loose)} in {folder}", f"chmod 600 {folder}/*"
        )
    if settings.salts_dir is None and folder.is_relative_to(settings.home):
        fix = "set TIDEGATE_SALTS_DIR to a folder in memory: what was on a disk may be read after it was removed"
        return note("salts", f"on a disk, in {folder}", fix)
    return good("salts", f"in {folder}")


def _variables() -> Finding:
    unknown = unknown_variables()
    if not unknown:
        return good("settings", "every TIDEGATE_ variable is known")
    return note("settings", f"no setting is called {', '.join(unknown)}", "docs/settings.md lists them all")


def _ports(settings: Settings) -> Iterator[Finding]:
    if holder(settings) is not None:  # our own services listen there
        return
    for name in embedded_services(settings):
        asked: int | None = getattr(settings, f"{name}_port")
        port = asked or ports.remembered(settings).get(name) or ports.USUAL[name]
        if ports.is_free(port, ports.host_of(settings, name)):
            continue
        if asked is None:
            yield note(f"port of {name}", f"{port} is taken", "nothing to do: a free one is chosen at the start")
        else:
            fix = f"stop the process that listens on {port}, or set TIDEGATE_{name.upper()}_PORT to another port"
            yield wrong(f"port of {name}", f"{port}, which was set, is taken", fix)
