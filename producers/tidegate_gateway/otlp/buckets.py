"""Exponential histograms as buckets with explicit bounds. Pure."""

from __future__ import annotations

from itertools import pairwise

from opentelemetry.proto.metrics.v1.metrics_pb2 import ExponentialHistogramDataPoint

from tidegate_gateway.errors import RefusedError
from tidegate_gateway.values import finite
from tidegate_schemas.reasons import Reason

MAX_BUCKETS = 1_024

Buckets = ExponentialHistogramDataPoint.Buckets


def explicit(point: ExponentialHistogramDataPoint) -> tuple[list[float], list[int]]:
    """Upper bounds of all buckets but the last, and counts: negative values, those about zero, positive values.

    The bucket about zero ends at the zero threshold, 0 in most cases: what lies between it and the smallest positive
    bucket is a bucket of its own, and empty. Raises RefusedError (oversize, invalid_field).
    """
    positive, negative = list(point.positive.bucket_counts), list(point.negative.bucket_counts)
    if len(positive) + len(negative) > MAX_BUCKETS:
        raise RefusedError(Reason.OVERSIZE, "bucketCounts", f"has more than {MAX_BUCKETS} buckets")
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
        raise RefusedError(Reason.INVALID_FIELD, "scale", "gives buckets that numbers can't tell apart")
    return bounds, counts


def _edges(scale: int, buckets: Buckets) -> list[float]:
    """Absolute bounds of a side's buckets, from the one nearest to zero."""
    try:
        growth = 2.0**-scale
        edges = [2.0 ** (growth * (buckets.offset + number)) for number in range(len(buckets.bucket_counts) + 1)]
    except OverflowError:
        edges = []
    if not edges or edges[0] == 0.0:
        raise RefusedError(Reason.INVALID_FIELD, "scale", "gives buckets beyond the numbers that there are")
    return edges
