"""Counters, gauges and histograms: added up in the process, published as one point a series and interval."""

from __future__ import annotations

import logging
import math
import threading
from abc import ABC, abstractmethod
from collections import Counter as Counts
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeVar

from tidegate_schemas.canonical import canonical_json

log = logging.getLogger(__name__)

MAX_SERIES = 1_000
"""Of an instrument; further ones are added up in the series `{"other": true}`."""
GROWTH = 1.02
"""Of a histogram's buckets: what is in one is told with 1 % of error."""
SMALLEST = 1e-9
"""A histogram's values up to this one, zero and negative ones too, share the first bucket."""
_LOG_GROWTH = math.log(GROWTH)
_MAX_BUCKET = 3_000

Attributes = Mapping[str, object]
#: What is observed when points are collected: values, each with its attributes.
Observe = Callable[[], Iterable[tuple[float, Attributes]]]


class _Instrument(ABC):
    """What instruments share: series by their attributes, as JSON, and a lock."""

    instrument = ""

    def __init__(self, name: str, unit: str) -> None:
        self.name, self.unit = name, unit
        self._lock = threading.RLock()
        self._series: dict[str, Any] = {}

    def _key(self, attributes: Attributes | None) -> str:
        key = canonical_json(dict(attributes)) if attributes else "{}"
        return key if key in self._series or len(self._series) < MAX_SERIES else '{"other":true}'

    def unlock(self) -> None:
        """Begin anew in a forked child: what was added up is its parent's."""
        self._lock, self._series = threading.RLock(), {}

    def collect(self) -> Iterator[dict[str, Any]]:
        """A point's fields for each series that has any; those begin anew."""
        with self._lock:
            series, self._series = self._series, {}
        for key, value in series.items():
            yield {
                "name": self.name,
                "unit": self.unit,
                "instrument": self.instrument,
                "attributes": key,
                **self._point(value),
            }

    @abstractmethod
    def _point(self, value: Any) -> dict[str, Any]:
        """A series' values as a point's own fields."""


class Counter(_Instrument):
    """Adds up amounts."""

    instrument = "counter"

    def add(self, amount: float = 1.0, attributes: Attributes | None = None) -> None:
        """Count an amount, not negative; others, and what is no number, are left out."""
        if not _is_number(amount) or amount < 0:
            return
        with self._lock:
            key = self._key(attributes)
            self._series[key] = self._series.get(key, 0.0) + amount

    def _point(self, value: Any) -> dict[str, Any]:
        return {"temporality": "delta", "value": float(value)}


class Gauge(_Instrument):
    """Holds the last value; one with `observe` asks for it when points are collected."""

    instrument = "gauge"

    def __init__(self, name: str, unit: str, observe: Observe | None = None) -> None:
        super().__init__(name, unit)
        self._observe = observe

    def set(self, value: float, attributes: Attributes | None = None) -> None:
        """The value now; what is no finite number is left out."""
        if _is_number(value):
            with self._lock:
                self._series[self._key(attributes)] = float(value)

    def collect(self) -> Iterator[dict[str, Any]]:
        """See `_Instrument.collect`."""
        try:
            for value, attributes in self._observe() if self._observe else ():
                self.set(value, attributes)
        except Exception as error:  # noqa: BLE001 - the application's code runs here; its error may hold anything
            log.warning("observing %s raised %s", self.name, type(error).__name__)
        yield from super().collect()

    def _point(self, value: Any) -> dict[str, Any]:
        return {"value": value}


class Histogram(_Instrument):
    """How values are distributed."""

    instrument = "histogram"

    def record(self, value: float, attributes: Attributes | None = None) -> None:
        """Count a value; what is no finite number is left out."""
        if not _is_number(value):
            return
        bucket = 0
        if value > SMALLEST:
            bucket = min(_MAX_BUCKET, max(1, math.ceil(math.log(value / SMALLEST) / _LOG_GROWTH)))
        with self._lock:
            key = self._key(attributes)
            series = self._series.get(key)
            if series is None:
                series = self._series[key] = [0.0, Counts()]
            series[0] += value
            series[1][bucket] += 1

    def _point(self, value: Any) -> dict[str, Any]:
        total, buckets = value
        bounds, counts = explicit(buckets)
        return {
            "temporality": "delta",
            "count": sum(buckets.values()),
            "sum": total,
            "bucket_bounds": bounds,
            "bucket_counts": counts,
        }


def explicit(buckets: Mapping[int, int]) -> tuple[list[float], list[int]]:
    """Upper bounds, ascending, and counts, one more: only those around buckets that hold something."""
    edges = sorted({edge for bucket in buckets for edge in (max(0, bucket - 1), bucket)})
    return [SMALLEST * GROWTH**edge for edge in edges], [*(buckets.get(edge, 0) for edge in edges), 0]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


_Kind = TypeVar("_Kind", bound=_Instrument)


class Instruments:
    """A process's instruments by name; asking twice for one gives the same. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._known: dict[tuple[type[_Instrument], str, str], _Instrument] = {}

    def counter(self, name: str, unit: str = "1") -> Counter:
        """Make or find a counter."""
        return self._find(Counter, name, unit, lambda: Counter(name, unit))

    def gauge(self, name: str, unit: str = "1", observe: Observe | None = None) -> Gauge:
        """Make or find a gauge."""
        return self._find(Gauge, name, unit, lambda: Gauge(name, unit, observe))

    def histogram(self, name: str, unit: str = "1") -> Histogram:
        """Make or find a histogram."""
        return self._find(Histogram, name, unit, lambda: Histogram(name, unit))

    def _find(self, kind: type[_Kind], name: str, unit: str, make: Callable[[], _Kind]) -> _Kind:
        with self._lock:
            found = self._known.setdefault((kind, name, unit), make())
        assert isinstance(found, kind)  # noqa: S101 - the key says so
        return found

    def __len__(self) -> int:
        return len(self._known)

    def collect(self, began_at: datetime) -> Iterator[dict[str, Any]]:
        """Points of all instruments since the last time, which was at `began_at`."""
        with self._lock:
            known = list(self._known.values())
        for instrument in known:
            for point in instrument.collect():
                yield {**point, "started_at": began_at}

    def unlock(self) -> None:
        """See `_Instrument.unlock`."""
        self._lock = threading.RLock()
        for instrument in self._known.values():
            instrument.unlock()
