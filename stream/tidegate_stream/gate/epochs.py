"""Epochs of pseudonym keys: which key an event's ids get, when the next begins, and when an old one has to go. Pure.

A project's key holds from its begin until the next one's. The begin is part of the key's name, so there is no list that
could say something else: `default` is the first key, which has no begin, `default@20261127T1800Z` a later one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise

from tidegate_stream.gate.errors import KeyFileError

KEY_BYTES = 32
MICROS = 1_000_000
DAY_MICROS = 86_400 * MICROS
LEAD_MICROS = 600 * MICROS
"""A new key is made so long before it holds: time for every worker to have read it."""

_NAME = re.compile(r"(?P<project>[A-Za-z0-9][A-Za-z0-9_-]{0,63})(?:@(?P<begin>\d{8}T\d{4}Z))?\Z")
_KEY = re.compile(rf"[0-9a-fA-F]{{{2 * KEY_BYTES}}}\Z")
"""A key where a name should be: it would be shown in errors and in lists of epochs."""
_BEGIN = "%Y%m%dT%H%MZ"


@dataclass(frozen=True)
class EpochKey:
    """A project's secret (32 bytes) and since when it holds, in µs since 1970; 0 for the first."""

    begins_at: int
    key: bytes = field(repr=False)


Epochs = tuple[EpochKey, ...]
"""The live keys of a project, oldest first."""
Rings = Mapping[str, Epochs]
"""The live keys of every project."""


@dataclass(frozen=True)
class Schedule:
    """When keys change: after `days` (0: only when told to); an old one is held for `overlap_days` more."""

    days: int = 0
    overlap_days: int = 30


def name_of(project: str, begins_at: int) -> str:
    """What a key is called in file names, variables and the answers of commands."""
    if not begins_at:
        return project
    return f"{project}@{datetime.fromtimestamp(begins_at / MICROS, UTC):{_BEGIN}}"


def parse_name(name: str) -> tuple[str, int]:
    """Project and begin. Raises KeyFileError, which doesn't show the name, as it may be a misplaced key."""
    found = _NAME.match(name)
    try:
        if found is None or _KEY.match(found["project"]):
            raise ValueError
        begin = found["begin"]
        at = 0 if begin is None else int(datetime.strptime(begin, _BEGIN).replace(tzinfo=UTC).timestamp()) * MICROS
    except ValueError as error:
        raise KeyFileError(
            "the name of a pseudonym key must be a project (A-Z a-z 0-9 _ -), for later keys with their begin in UTC, "
            "as in default@20261127T1800Z"
        ) from error
    return found["project"], at


def rings_of(keys: Sequence[tuple[str, int, bytes]]) -> dict[str, Epochs]:
    """Keys by project. Raises KeyFileError if two of a project begin at once."""
    rings: dict[str, Epochs] = {}
    for project, begins_at, key in sorted(keys):
        before = rings.get(project, ())
        if before and before[-1].begins_at == begins_at:
            raise KeyFileError(f"two pseudonym keys are called {name_of(project, begins_at)}; leave one")
        rings[project] = (*before, EpochKey(begins_at, key))
    return rings


def epoch_at(epochs: Epochs, at: int) -> EpochKey | None:
    """The key that held at a time (µs since 1970); None if it is no more, or never was."""
    return next((epoch for epoch in reversed(epochs) if epoch.begins_at <= at), None)


def epoch_before(epochs: Epochs, at: int) -> EpochKey | None:
    """The key before the one that held then, if it is still there."""
    held = [epoch for epoch in epochs if epoch.begins_at <= at]
    return held[-2] if len(held) > 1 else None


def next_begin(now: int, lead: int = LEAD_MICROS) -> int:
    """When a key that is made now begins to hold: on the full minute after the lead."""
    minute = 60 * MICROS
    return -(-(now + lead) // minute) * minute


def is_due(epochs: Epochs, first_made_at: int, schedule: Schedule, now: int) -> bool:
    """Whether the next key has to be made. The first key's age counts from `first_made_at`."""
    if not schedule.days or not epochs:
        return False
    newest = epochs[-1].begins_at or first_made_at
    return newest + schedule.days * DAY_MICROS <= now + LEAD_MICROS


def outlived(epochs: Epochs, schedule: Schedule, now: int) -> Epochs:
    """Keys whose successor has held for the overlap: to be destroyed."""
    overlap = schedule.overlap_days * DAY_MICROS
    return tuple(epoch for epoch, after in pairwise(epochs) if after.begins_at + overlap <= now)
