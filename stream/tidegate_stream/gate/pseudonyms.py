"""Pseudonyms: what the gate calls an id. HMAC-SHA256 under the project's key of the epoch, cut to 32 digits."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from functools import partial
from typing import Protocol

import polars as pl

from tidegate_stream.gate.epochs import EpochKey, Epochs, epoch_at, epoch_before

PSEUDONYM_DIGITS = 32


def pseudonym_of(key: bytes, value: str) -> str:
    """32 hexadecimal digits."""
    return hmac.digest(key, value.encode("utf-8", "surrogatepass"), "sha256").hex()[:PSEUDONYM_DIGITS]


Namer = Callable[[str], str | None]
"""Names ids."""


def _nameless(_: str) -> None:
    return None


class Ringed(Protocol):
    """What knows the keys of projects (see `Keys.epochs`)."""

    def epochs(self, project: str) -> Epochs: ...  # noqa: D102


class Pseudonymiser:
    """Pseudonyms of ids, by their project and the time at which the event was received.

    All id fields share one key, so that an alias's previous id meets the user or visitor that it names. The last
    `capacity` to `2 * capacity` distinct values of a project are remembered, until one of its keys comes or goes.
    """

    def __init__(self, keys: Ringed, capacity: int = 50_000) -> None:
        self._keys = keys
        self._capacity = capacity
        self._caches: dict[str, _Cache] = {}

    def pseudonym(self, project: str, value: str, at: int) -> str | None:
        """What an id was called at a time (µs since 1970); None if the key of then is gone."""
        return self.namer(project, at)(value)

    def former(self, project: str, value: str, at: int) -> str | None:
        """What it was called in the epoch before; None if that had none, or its key is gone."""
        return self.former_namer(project, at)(value)

    def namer(self, project: str, at: int) -> Namer:
        """`pseudonym` for many ids of one project and time."""
        epochs = self._keys.epochs(project)
        return self._namer(project, epochs, epoch_at(epochs, at))

    def former_namer(self, project: str, at: int) -> Namer:
        """`former` for many ids of one project and time."""
        epochs = self._keys.epochs(project)
        return self._namer(project, epochs, epoch_before(epochs, at))

    def _namer(self, project: str, epochs: Epochs, epoch: EpochKey | None) -> Namer:
        return _nameless if epoch is None else partial(self._cache(project, epochs).pseudonym, epoch)

    def every(self, project: str, value: str) -> list[str]:
        """What an id is called under each live key, oldest first."""
        epochs = self._keys.epochs(project)
        cache = self._cache(project, epochs)
        return [cache.pseudonym(epoch, value) for epoch in epochs]

    def moments(self, projects: pl.Series, received: pl.Series) -> int | pl.Series:
        """A time (µs since 1970) in the epoch of every row's receipt; a column where there are several epochs."""
        begins = sorted({e.begins_at for name in projects.unique() for e in self._keys.epochs(name) if e.begins_at})
        if not begins or not len(received):
            return 0
        places = pl.Series(begins, dtype=pl.Int64).search_sorted(received, side="right")
        moments = pl.Series([0, *begins], dtype=pl.Int64)
        return int(moments[places[0]]) if places.n_unique() == 1 else moments.gather(places)

    def has_former(self, projects: pl.Series, moments: int | pl.Series) -> bool:
        """Whether anything there was called something else in the epoch before, and it can be told what."""
        times = [moments] if isinstance(moments, int) else moments.unique().to_list()
        return any(epoch_before(self._keys.epochs(name), at) for name in projects.unique() for at in times)

    def keyless(self, projects: pl.Series, received: pl.Series) -> int:
        """How many events are from before their project's oldest key that is left: they get no pseudonyms."""
        oldest = {name: epochs[0].begins_at for name in projects.unique() if (epochs := self._keys.epochs(name))}
        if not any(oldest.values()):
            return 0
        begins = projects.replace_strict(list(oldest), list(oldest.values()), default=0, return_dtype=pl.Int64)
        return int((received < begins).sum())

    def _cache(self, project: str, epochs: Epochs) -> _Cache:
        cache = self._caches.get(project)
        if cache is None or cache.epochs is not epochs:
            cache = self._caches[project] = _Cache(epochs, self._capacity)
        return cache


class _Cache:
    def __init__(self, epochs: Epochs, capacity: int) -> None:
        self.epochs = epochs
        self._capacity = capacity
        self._young: dict[tuple[int, str], str] = {}
        self._old: dict[tuple[int, str], str] = {}

    def pseudonym(self, epoch: EpochKey, value: str) -> str:
        pair = (epoch.begins_at, value)
        found = self._young.get(pair) or self._old.get(pair)
        if found is None:
            found = pseudonym_of(epoch.key, value)
        if len(self._young) >= self._capacity:
            self._old, self._young = self._young, {}
        self._young[pair] = found
        return found
