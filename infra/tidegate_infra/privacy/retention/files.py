"""Policies of files, and how old the oldest of them is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path

from tidegate_infra.logs import LOG_DAYS
from tidegate_infra.privacy.keys import key_source, open_keys, schedule
from tidegate_infra.privacy.retention.policy import CONSENT, STABILITY, STATISTICS, Policy, Subjects
from tidegate_infra.settings import Settings
from tidegate_stream.gate.epochs import MICROS, outlived
from tidegate_stream.gate.key_sources import Folder
from tidegate_stream.gate.salts import DAY_SECONDS, FolderSalts

__all__ = ["DEVICE_DAYS", "elsewhere", "file_policies", "oldest_file", "retired_keys", "unknown_folders"]

DEVICE_DAYS = 390
"""LIFE of producers/browser/src/device.ts."""
_HOUR = 1 / 24
_KNOWN = frozenset({"alerts", "broker", "clickhouse", "demo", "gateway", "worker"})
_KEEPERS = "the worker's gate and `tidegate privacy`; owner of the file"


def file_policies(settings: Settings) -> Iterator[Policy]:
    """Policies of what lies in files of this home."""
    days, overlap = settings.pseudonym_epoch_days, settings.pseudonym_overlap_days

    def files(name: str, what: str, purpose: str, readers: str, kept: float | None, grace: float, bound: str) -> Policy:
        people: Subjects = "identified" if name == "spool" else "nobody"
        return Policy(
            name,
            "files",
            what,
            purpose,
            STATISTICS if name == "spool" else STABILITY,
            readers,
            people,
            kept,
            grace,
            bound,
        )

    yield files("keys", "pseudonym keys", "pseudonyms", _KEEPERS, days + overlap if days else None, 1.0,
                "" if days else f"until `tidegate privacy rotate`, and {overlap} days")  # fmt: skip
    yield files("salts", "salts of days", "visitors without consent", _KEEPERS, 2.0, _HOUR, "")
    yield files("spool", "what the gateway accepted and Kafka has not taken", "losing nothing", "the gateway",
                settings.raw_retention_hours / 24, 1.0, "")  # fmt: skip
    yield files(
        "logs", "logs of the services, without payloads", "operation", "the owner of the home", LOG_DAYS, 1.0, ""
    )


def elsewhere() -> Iterator[Policy]:
    """Policies of what this command can't look at."""
    yield Policy(
        "browser",
        "elsewhere",
        "localStorage, empty before consent: choice, random id, user id, unsent events",
        "telling visitors apart",
        CONSENT,
        "the site's own pages",
        "identified",
        DEVICE_DAYS,
    )
    yield Policy(
        "sdk spool",
        "elsewhere",
        "what an application's SDK could not send yet",
        "losing nothing",
        STATISTICS,
        "the application",
        "identified",
        None,
        bound="until Kafka has it; 256 MB, where it is switched on",
    )


def oldest_file(settings: Settings, name: str) -> float | None:
    """When the oldest of these files was begun, in seconds since 1970; None without any."""
    return min(_TIMES[name](settings), default=None)


def retired_keys(settings: Settings, now: datetime) -> int:
    """Pseudonym keys that should have been destroyed."""
    plan = schedule(settings)
    return sum(
        len(outlived(epochs, plan, int(now.timestamp() * MICROS))) for epochs in open_keys(settings).rings.values()
    )


def unknown_folders(settings: Settings) -> list[str]:
    """Folders of data that no policy is about."""
    if not settings.data_dir.is_dir():
        return []
    return sorted(path.name for path in settings.data_dir.iterdir() if path.name not in _KNOWN)


def _keys(settings: Settings) -> Iterator[float]:
    if key_source(settings) is not None:
        return
    folder = Folder(settings.keys_dir)
    for project, epochs in open_keys(settings).rings.items():
        for epoch in epochs:
            yield (epoch.begins_at or folder.made_at(project)) / MICROS


def _salts(settings: Settings) -> Iterator[float]:
    for day in FolderSalts(settings.salts_folder, lambda: 0.0).days():
        yield float(day * DAY_SECONDS)


def _spool(settings: Settings) -> Iterator[float]:
    return _modified((settings.data_dir / "gateway" / "spool").rglob("*"))


def _logs(settings: Settings) -> Iterator[float]:
    for path in settings.logs_dir.glob("*.log*"):
        with path.open("rb") as file:
            line = file.readline(65_536)
        try:
            yield datetime.fromisoformat(json.loads(line)["time"]).timestamp()
        except (ValueError, KeyError, TypeError):  # the broker's, whose lines are no JSON
            yield from _modified([path])


def _modified(paths: Iterable[Path]) -> Iterator[float]:
    for path in paths:
        try:
            if path.is_file() and path.stat().st_size:
                yield path.stat().st_mtime
        except FileNotFoundError:  # it went meanwhile
            continue


_TIMES: dict[str, Callable[[Settings], Iterator[float]]] = {
    "keys": _keys,
    "salts": _salts,
    "spool": _spool,
    "logs": _logs,
}
