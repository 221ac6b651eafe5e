"""A metric's points: what was measured, as the fields of kind `metric`. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from tidegate.foreign.errors import UnfitError
from tidegate.foreign.otel.buckets import MAX_BUCKETS
from tidegate.foreign.values import finite
from tidegate_schemas.canonical import canonical_json
from tidegate_schemas.reasons import Reason

Fields = dict[str, Any]
MAX_EXEMPLARS = 4
_TEMPORALITIES: Mapping[int, str] = {1: "delta", 2: "cumulative"}


class Exemplar(NamedTuple):
    """One measurement and where it was made; ids in hexadecimal, `at` in microseconds since 1970."""

    at: int
    span_id: str
    trace_id: str
    value: float


def gauge(value: float) -> Fields:
    """A level. Raises UnfitError for one that isn't finite."""
    return {"instrument": "gauge", "value": finite(value, "value")}


def total(value: float, temporality: int, *, is_monotonic: bool) -> Fields:
    """A sum; `temporality` by OpenTelemetry's number. Raises UnfitError."""
    word = _temporality(temporality)
    # An up-down counter's total is a level, not an amount.
    if not is_monotonic and word == "cumulative":
        return gauge(value)
    return {"instrument": "counter", "temporality": word, "value": finite(value, "value")}


def histogram(amounts: tuple[int, float], bounds: Sequence[float], counts: Sequence[int], temporality: int) -> Fields:
    """A histogram: count and sum, upper bounds of all buckets but the last, counts. Raises UnfitError."""
    if len(counts) != len(bounds) + 1 and counts:
        raise UnfitError(Reason.INVALID_FIELD, "bucketCounts", "must be one more than explicitBounds")
    if len(counts) > MAX_BUCKETS:
        raise UnfitError(Reason.OVERSIZE, "bucketCounts", f"has more than {MAX_BUCKETS} buckets")
    count, of_all = amounts
    return {
        "instrument": "histogram",
        "temporality": _temporality(temporality),
        "count": _count(count),
        "sum": finite(of_all, "sum"),
        "bucket_bounds": [finite(bound, "explicitBounds") for bound in bounds] if counts else [],
        "bucket_counts": [_count(number) for number in counts],
    }


def exemplars(found: Iterable[Exemplar]) -> str:
    """Those with a trace, the highest values first, as a JSON array of `at` (µs), `span_id`, `trace_id` and `value`."""
    good = [each for each in found if len(each.trace_id) == 32 and math.isfinite(each.value)]
    good.sort(key=lambda each: (-each.value, each.trace_id, each.span_id))
    return canonical_json([each._asdict() for each in good[:MAX_EXEMPLARS]])


def _temporality(number: int) -> str:
    if number not in _TEMPORALITIES:
        raise UnfitError(Reason.INVALID_FIELD, "aggregationTemporality", "must be delta or cumulative")
    return _TEMPORALITIES[number]


def _count(number: int) -> int:
    if number >= 1 << 63:
        raise UnfitError(Reason.INVALID_FIELD, "count", "must be below 2^63")
    return number
