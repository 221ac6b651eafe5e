"""Which port each service listens on: the one asked for, else the usual one, else a free one that is remembered."""

import fcntl
import json
import os
import random
import socket
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from tidegate_infra.errors import PortInUseError
from tidegate_infra.settings import ENV_PREFIX, Settings

__all__ = ["USUAL", "PortClaims", "host_of", "is_free", "pick", "remembered", "resolve"]

_LOOPBACK = "127.0.0.1"
_PICKED = range(20_000, 32_000)
"""Below the range from which systems give ports to outgoing connections: one of those could hold a remembered port."""
_DICE = random.SystemRandom()
_OUTWARD = frozenset({"gateway", "dashboard"})

USUAL: Mapping[str, int] = {
    "gateway": 8300,
    "dashboard": 8301,
    "supervisor": 8302,
    "worker": 8303,
    "alerts": 8304,
    "clickhouse": 8123,
    "broker": 9092,
}
"""Port of each service when nothing else is said; the broker's controller has none."""


def host_of(settings: Settings, name: str) -> str:
    """Address that a service listens on: only gateway and dashboard can leave the loopback interface."""
    return settings.host if name in _OUTWARD else _LOOPBACK


class PortClaims:
    """Ports that this process has promised to its services; others on this machine and cache see them as taken.

    A file lock a port, held until the process ends, however it ends. It closes the gap between finding a port free
    and the service's bind, in which a second stack would find it free too.
    """

    def __init__(self, cache: Path) -> None:
        self._folder = cache / "ports"
        self._held = ExitStack()

    def claim(self, port: int) -> bool:
        """Take a port; False if another stack has it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        handle: IO[str] = (self._folder / str(port)).open("a")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.close()
            return False
        self._held.enter_context(handle)
        return True

    def release(self) -> None:
        """Give all of them back."""
        self._held.close()


def is_free(port: int, host: str = _LOOPBACK) -> bool:
    """Whether a server could bind the port now; connections of an ended server in TIME_WAIT don't count."""
    with socket.socket() as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def remembered(settings: Settings) -> dict[str, int]:
    """Ports of the last start of this home; empty before the first."""
    try:
        stored = json.loads(_file(settings).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): int(port) for name, port in stored.items()}


def resolve(settings: Settings, names: Iterable[str], claims: PortClaims | None = None) -> dict[str, int]:
    """Choose and remember a port for each service; PortInUseError if one that was set is taken."""
    before = remembered(settings)
    chosen: dict[str, int] = {}
    for name in names:
        chosen[name] = _choose(settings, name, before.get(name), claims)
    path = _file(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(f".{os.getpid()}")
    scratch.write_text(json.dumps({**before, **chosen}, indent=1, sort_keys=True), encoding="utf-8")
    scratch.replace(path)
    return chosen


def _choose(settings: Settings, name: str, before: int | None, claims: PortClaims | None) -> int:
    asked: int | None = getattr(settings, f"{name}_port", None)
    host = host_of(settings, name)
    if asked is not None:
        if _take(asked, host, claims):
            return asked
        raise PortInUseError(
            f"{ENV_PREFIX}{name.upper()}_PORT asks for port {asked}, but another process listens there on "
            f"{host}. Fix: stop that process, choose another port, or leave the setting out."
        )
    for candidate in (before, USUAL.get(name)):
        if candidate is not None and _take(candidate, host, claims):
            return candidate
    return pick(claims, host)


def pick(claims: PortClaims | None, host: str = _LOOPBACK) -> int:
    """Take a free port that no outgoing connection can get meanwhile, so that a restart finds it free again."""
    while True:
        candidate = _DICE.choice(_PICKED)
        if _take(candidate, host, claims):
            return candidate


def _take(port: int, host: str, claims: PortClaims | None) -> bool:
    return is_free(port, host) and (claims is None or claims.claim(port))


def _file(settings: Settings) -> Path:
    return settings.run_dir / "ports.json"
