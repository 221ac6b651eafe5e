"""Exponential histograms as buckets with explicit bounds. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from tidegate.foreign.errors import UnfitError
from tidegate.foreign.values import finite
from tidegate_schemas.reasons import Reason

MAX_BUCKETS = 1_024


class Side(NamedTuple):
    """Buckets of the positive or the negative values, from the one nearest to zero."""

    offset: int
    counts: Sequence[int]


class Exponential(NamedTuple):
    """An exponential histogram's point, as OpenTelemetry has it."""

    scale: int
    zero_count: int
    zero_threshold: float
    positive: Side
    negative: Side


def explicit(point: Exponential) -> tuple[list[float], list[int]]:
    """Upper bounds of all buckets but the last, and counts: negative values, those about zero, positive values.

    The bucket about zero ends at the zero threshold, 0 in most cases: what lies between it and the smallest positive
    bucket is a bucket of its own, and empty. Raises UnfitError (oversize, invalid_field).
    """
    positive, negative = list(point.positive.counts), list(point.negative.counts)
    if len(positive) + len(negative) > MAX_BUCKETS:
        raise UnfitError(Reason.OVERSIZE, "bucketCounts", f"has more than {MAX_BUCKETS} buckets")
    threshold = finite(point.zero_threshold, "zeroThreshold")
    above = _edges(point.scale, point.positive) if positive else []
    below = [-edge for edge in reversed(_edges(point.scale, point.negative))] if negative else []
    gap = not above or threshold < above[0]
    bounds = [*below, *([threshold] if gap else []), *above]
    counts = [
        *([0, *reversed(negative)] if negative else []),
        point.zero_count,
        *([0] if gap and above else []),
        *positive,
        0,
    ]
    if any(low >= high for low, high in pairwise(bounds)):
        raise UnfitError(Reason.INVALID_FIELD, "scale", "gives buckets that numbers can't tell apart")
    return bounds, counts


def _edges(scale: int, buckets: Side) -> list[float]:
    """Absolute bounds of a side's buckets, from the one nearest to zero."""
    try:
        growth = 2.0**-scale
        edges = [2.0 ** (growth * (buckets.offset + number)) for number in range(len(buckets.counts) + 1)]
    except OverflowError:
        edges = []
    if not edges or edges[0] == 0.0:
        raise UnfitError(Reason.INVALID_FIELD, "scale", "gives buckets beyond the numbers that there are")
    return edges
